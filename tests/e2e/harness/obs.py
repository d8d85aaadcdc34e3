"""OBS without a screen: its settings as files, its picture in a virtual X server."""

import json
import os
import signal

from harness import process

NAME = "e2e"
WIDTH = 320
HEIGHT = 180
FRAME_RATE = 30
SAMPLE_RATE = 44100
# What OBS asks x264 for where its user leaves the keyframe interval at "auto".
AUTO_GOP_S = 250 / FRAME_RATE


class Obs(process.Process):
    """OBS, which streams from its start on and comes back by itself when it is cut off."""

    def __init__(self, folder, server, key, clip=None, keyframe_s=None, size=(WIDTH, HEIGHT), bitrates=(300, 64)):
        self._screen = Screen()
        home, run = folder / "home", folder / "run"
        run.mkdir(parents=True, mode=0o700)
        settings = home / ".config/obs-studio"
        configure(settings, server, key, keyframe_s, size, bitrates)
        (settings / f"basic/scenes/{NAME}.json").write_text(json.dumps(collection(clip)))
        command = ["obs", "--startstreaming", "--disable-updater", "--disable-shutdown-check", "--multi", "--profile", NAME, "--collection", NAME]
        # OBS asks its project's site for a newer list of services; a proxy that is not there keeps it from leaving this machine.
        environment = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
        display = {"DISPLAY": self._screen.display, "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "xcb"}
        super().__init__(command, env={"HOME": str(home), "XDG_RUNTIME_DIR": str(run), **environment, **display})

    def __exit__(self, *_):
        if self.running():
            self.stop()
        self._screen.stop()

    def stop(self, number=signal.SIGTERM, deadline_s=process.DEADLINE_S):
        """Ends the stream as its user does who closes the window."""
        return super().stop(number, deadline_s)


class Screen(process.Process):
    """A virtual X server on a display of its own choice."""

    def __init__(self):
        reader, writer = os.pipe()
        super().__init__(["Xvfb", "-displayfd", writer, "-screen", "0", "640x480x24", "-nolisten", "tcp"], pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as chosen:
            number = chosen.readline().strip()
        assert number, f"Xvfb does not start:\n{self.err.text()}"
        self.display = f":{number}"


def configure(folder, server, key, keyframe_s, size, bitrates):
    """Writes what OBS would have asked its user for; bitrates of video and audio in kbit/s."""
    (width, height), (video, audio) = size, bitrates
    profile, scenes = folder / "basic/profiles" / NAME, folder / "basic/scenes"
    profile.mkdir(parents=True)
    scenes.mkdir(parents=True)
    ini(
        folder / "global.ini",
        General={"FirstRun": "true", "EnableAutoUpdates": "false"},
        Basic={"Profile": NAME, "ProfileDir": NAME, "SceneCollection": NAME, "SceneCollectionFile": NAME},
        OBSWebSocket={"FirstLoad": "false", "ServerEnabled": "false"},
    )
    ini(
        profile / "basic.ini",
        General={"Name": NAME},
        Output={"Mode": "Simple" if keyframe_s is None else "Advanced", "Reconnect": "true", "RetryDelay": 1, "MaxRetries": 25},
        SimpleOutput={"VBitrate": video, "ABitrate": audio, "StreamEncoder": "x264", "Preset": "ultrafast"},
        AdvOut={"Encoder": "obs_x264", "Track1Bitrate": audio},
        Video={"BaseCX": width, "BaseCY": height, "OutputCX": width, "OutputCY": height, "FPSType": 0, "FPSCommon": FRAME_RATE},
        Audio={"SampleRate": SAMPLE_RATE, "ChannelSetup": "Stereo"},
    )
    if keyframe_s is not None:
        encoder = {"rate_control": "CBR", "bitrate": video, "preset": "ultrafast", "keyint_sec": keyframe_s}
        (profile / "streamEncoder.json").write_text(json.dumps(encoder))
    service = {"server": server, "key": key, "use_auth": False, "bwtest": False}
    (profile / "service.json").write_text(json.dumps({"type": "rtmp_custom", "settings": service}))


def collection(clip):
    """One scene, in which a file plays again and again; empty without one."""
    shown = {"name": "Clip", "id": 1, "visible": True, "pos": {"x": 0, "y": 0}, "scale": {"x": 1, "y": 1}, "align": 5}
    scene = {"id_counter": 1, "items": [shown] if clip else []}
    sources = [{"id": "scene", "versioned_id": "scene", "name": "Scene", "settings": scene}]
    if clip:
        played = {"local_file": str(clip), "is_local_file": True, "looping": True}
        sources.append({"id": "ffmpeg_source", "versioned_id": "ffmpeg_source", "name": "Clip", "mixers": 255, "settings": played})
    scenes = {"current_scene": "Scene", "current_program_scene": "Scene", "scene_order": [{"name": "Scene"}]}
    return {"name": NAME, **scenes, "sources": sources}


def ini(path, **sections):
    """Writes sections of names and values."""
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name}={value}" for name, value in values.items())]
    path.write_text("\n".join(lines) + "\n")
