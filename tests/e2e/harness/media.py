"""Media files for the encoders to push, made by ffmpeg once per test run."""

import fcntl
from dataclasses import dataclass
from pathlib import Path

from harness import process

WIDTH = 320
HEIGHT = 180
FRAME_RATE = 25
GOP_S = 2
SAMPLE_RATE = 44100

PICTURE = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}"]
SOUND = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={SAMPLE_RATE}"]
GOP = ["-g", str(GOP_S * FRAME_RATE), "-keyint_min", str(GOP_S * FRAME_RATE), "-sc_threshold", "0"]
H264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "400k", *GOP]
AAC = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]

# Length of what is pushed as a whole; not a multiple of the GOP, so that the last segment is a short one.
CLIP_S = 13
SMALL_S = 6
# Longer than any test pushes; those end it themselves.
LONG_S = 120


@dataclass(frozen=True)
class Library:
    """A folder of media files; a file that is asked for a second time is there already."""

    folder: Path

    def clip(self):
        """H.264 with B-frames and AAC."""
        return self._make("clip.flv", CLIP_S, [*PICTURE, *SOUND, *H264, "-bf", "2", *AAC])

    def long(self):
        """The same, long enough to be cut off at will."""
        return self._make("long.flv", LONG_S, [*PICTURE, *SOUND, *H264, "-bf", "2", *AAC])

    def brisk(self, seconds):
        """The same with a keyframe each second, so that a test sees segments soon."""
        every_second = ["-g", str(FRAME_RATE), "-keyint_min", str(FRAME_RATE)]
        return self._make(f"brisk-{seconds}.flv", seconds, [*PICTURE, *SOUND, *H264, *every_second, "-bf", "2", *AAC])

    def heavy(self, seconds):
        """The same at about a megabyte a second: noise, which no encoder makes small."""
        noise = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE},noise=alls=60:allf=t"]
        rate = ["-g", str(FRAME_RATE), "-keyint_min", str(FRAME_RATE), "-b:v", "8M", "-maxrate", "8M", "-bufsize", "8M"]
        return self._make(f"heavy-{seconds}.flv", seconds, [*noise, *SOUND, *H264, *rate, "-bf", "2", *AAC])

    def sparse(self, seconds):
        """What ffmpeg and OBS make of 30 pictures a second when nobody sets a keyframe interval: one in 8.3 s."""
        picture = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=30"]
        h264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "400k", "-g", "250", "-r", "30"]
        return self._make(f"sparse-{seconds}.flv", seconds, [*picture, *SOUND, *h264, "-sc_threshold", "0", *AAC])

    def large(self):
        """Another picture size, as an encoder brings back after its settings were changed."""
        picture = ["-f", "lavfi", "-i", f"testsrc2=size={2 * WIDTH}x{2 * HEIGHT}:rate={FRAME_RATE}"]
        return self._make("large.flv", 6, [*picture, *SOUND, *H264, "-bf", "0", *AAC])

    def mp3_audio(self):
        """H.264 with MP3."""
        return self._make("mp3.flv", 7, [*PICTURE, *SOUND, *H264, "-bf", "0", "-c:a", "libmp3lame"])

    def flv1_video(self):
        """Sorenson H.263, the video that FLV began with."""
        return self._make("flv1.flv", LONG_S, [*PICTURE, *SOUND, "-c:v", "flv1", "-b:v", "300k", *AAC])

    def audio_only(self):
        """AAC and no picture."""
        return self._make("audio.flv", LONG_S, [*SOUND, *AAC])

    def video_only(self):
        """H.264 and no sound."""
        return self._make("video.flv", 5, [*PICTURE, *H264, "-bf", "2"])

    def small(self, container):
        """H.264 with B-frames and AAC in a small picture, a keyframe each second."""
        picture = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH // 2}x{HEIGHT // 2}:rate={FRAME_RATE}"]
        every_second = ["-g", str(FRAME_RATE), "-keyint_min", str(FRAME_RATE), "-b:v", "200k"]
        return self._make(f"small.{container}", SMALL_S, [*picture, *SOUND, *H264, *every_second, "-bf", "2", *AAC])

    def _make(self, name, seconds, arguments):
        path = self.folder / name
        # Parallel workers share the folder; the first one makes the file, the others find it.
        with open(self.folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                # The name's end tells ffmpeg the container.
                part = self.folder / f"part-{name}"
                process.output(["ffmpeg", "-v", "error", "-y", *arguments, "-t", str(seconds), part], deadline_s=180)
                part.rename(path)
        return path
