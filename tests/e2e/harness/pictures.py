"""Which pictures of what was pushed are in a recording: they are told apart by their content."""

from harness import player

# Pictures that are shown before others which came first: where a recording is cut, that many may be missing before its
# last one.
REORDERED = 3


class Source:
    """The pictures of a file that is pushed."""

    def __init__(self, path):
        hashes = player.picture_hashes(path)
        self.count = len(hashes)
        self._numbers = {content: number for number, content in enumerate(hashes)}
        assert len(self._numbers) == self.count, "two pictures of the source are the same"

    def numbers(self, paths):
        """The numbers of the pictures in these segments, in order; each segment is decoded alone."""
        return [self._numbers[content] for path in paths for content in player.picture_hashes(path)]

    def runs(self, paths):
        """First and last number of each unbroken run of pictures in these segments."""
        numbers = self.numbers(paths)
        assert numbers == sorted(set(numbers)), "pictures are repeated or out of order"
        runs = []
        for number in numbers:
            if runs and number - runs[-1][1] <= REORDERED:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        return [tuple(run) for run in runs]
