"""The frame of the command line: finding verbs, exit codes, one-line errors."""

import argparse
import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim2sg_core
from sim2sg_core.cli.main import NO_SPACE, find_verbs, load_verb, main, out_of_space, verb_parser

VERB = '''
"""A verb of another package, as an installed plug-in brings it."""
HELP = "try {name} out"
{extra}
def add_arguments(parser):
    parser.add_argument("what", nargs="?")

def run(args):
    {body}
'''

VERBS = {
    "fine": ("", "return 0 if args.what == 'yes' else 7"),
    "mistaken": ("from sim2sg_core.errors import Sim2SGError", "raise Sim2SGError('no log here; give one')"),
    "full": ("", "open('/dev/full', 'w', buffering=1).write('a line\\n')"),
    "locked": ("", "open(args.what, 'w')"),
    "faulty": ("", "return 1 / 0"),
    "patient": ("RESUMES = True\nimport time", "print('ready', flush=True); time.sleep(60)"),
    "fuller": ("RESUMES = True", "open('/dev/full', 'w', buffering=1).write('a line\\n')"),
    "writing": (
        "import time\nfrom sim2sg_core.files import atomic_path",
        "with atomic_path(args.what): print('ready', flush=True); time.sleep(60)",
    ),
    "own": (
        "import signal, sys, time\nOWN_SIGNALS = True",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print('ready', flush=True); time.sleep(60)",
    ),
    "brief": ("import time", "print('ready', flush=True); time.sleep(60)"),
    "chatty": ("", "[print('a long line of text ' * 20) for _ in range(100000)]"),
    "learned": ("import torch_that_is_not_there as torch", "return 0"),
}

# What may happen to an interrupt.
VERBS["swallowing"] = (
    """
import time
RESUMES = True
class Thing:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(1)
""",
    "Thing(); time.sleep(60)",
)
CAUGHT = """
import time
RESUMES = True
def work():
    try:
        print("ready", flush=True)
        time.sleep(60)
    {}
"""
VERBS["broad"] = (CAUGHT.format("except BaseException: pass"), "work(); time.sleep(60)")
VERBS["tidy"] = (CAUGHT.format("finally: time.sleep(1); print('tidied', flush=True)"), "work()")
VERBS["failing"] = (CAUGHT.format("except BaseException: raise ValueError('broken')"), "work()")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs a distribution with verbs of its own; returns the folder to put on PYTHONPATH."""
    folder = tmp_path / "site"
    info = folder / "plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    rows = ["[sim2sg.verbs]", "domain = sim2sg_core.cli.domain"]
    for name, (extra, body) in VERBS.items():
        (folder / f"plug_{name}.py").write_text(VERB.format(name=name, extra=extra, body=body))
        rows.append(f"{name} = plug_{name}")
    (info / "entry_points.txt").write_text("\n".join(rows))
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in VERBS:
        sys.modules.pop(f"plug_{name}", None)


def start(plugin: Path, *arguments: str) -> subprocess.Popen:
    paths = os.pathsep.join([str(plugin), str(Path(sim2sg_core.__file__).parents[1])])
    return subprocess.Popen(
        [sys.executable, "-m", "sim2sg_core.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
    )


def test_overview_lists_verbs_without_importing_them(plugin, capsys) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"fine +try fine out", out)
    assert "show a domain's classes" in out
    assert not [name for name in sys.modules if name.startswith("plug_")]


def test_no_verb_shows_the_overview_and_fails(plugin, capsys) -> None:
    assert main([]) == 2
    assert "usage: sim2sg VERB" in capsys.readouterr().out


def test_version(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sim2sg {sim2sg_core.__version__}\n"


def test_one_verb_is_imported_and_its_code_returned(plugin) -> None:
    assert main(["fine", "yes"]) == 0
    assert main(["fine", "no"]) == 7
    assert [name for name in sys.modules if name.startswith("plug_")] == ["plug_fine"]


def test_unknown_verb_names_the_nearest(plugin, capsys) -> None:
    assert main(["finne"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown verb 'finne'; did you mean fine")


def test_users_mistake_is_one_line_and_status_2(plugin, capsys) -> None:
    assert main(["mistaken"]) == 2
    assert capsys.readouterr().err == "error: no log here; give one\n"


def test_our_fault_keeps_its_trace(plugin) -> None:
    with pytest.raises(ZeroDivisionError):
        main(["faulty"])


def test_bad_option_is_status_2(plugin, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["fine", "--nonsense"])
    assert caught.value.code == 2
    assert "error: unrecognized arguments: --nonsense" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_full_disk(plugin, capsys) -> None:
    assert main(["full"]) == 2
    assert capsys.readouterr().err == f"error: {NO_SPACE}\n" and "kept" not in NO_SPACE
    assert main(["fuller"]) == 2
    assert capsys.readouterr().err == f"error: {NO_SPACE}; finished work is kept\n"


def test_full_disk_behind_a_librarys_error() -> None:
    def save() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as full:
            raise RuntimeError("could not write the file") from full

    with pytest.raises(RuntimeError) as caught:
        save()
    assert out_of_space(caught.value)
    assert not out_of_space(OSError(errno.ENOENT, "No such file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(plugin, tmp_path, capsys) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert main(["locked", str(locked / "file")]) == 2
    assert "choose a folder that you may write to" in capsys.readouterr().err


def test_missing_extra_is_named(plugin, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sim2sg_core.cli.main.EXTRAS, "torch_that_is_not_there", "train")
    assert main(["learned"]) == 2
    assert "pip install 'sim2sg[train]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "package"),
    [("cv2", "opencv-python-headless"), ("pydantic", "pydantic"), ("tqdm", "tqdm"), ("yaml", "pyyaml")],
)
def test_missing_packages_are_named_to_pip(tmp_path, module, package) -> None:
    words = ["infer", "--model", "dining", "--images", str(tmp_path), "--out", str(tmp_path / "g.json")]
    code = f"import sys; sys.modules[{module!r}] = None; from sim2sg_core.cli.main import main; sys.exit(main({words}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines() == [f"error: `sim2sg infer` needs {module}: pip install {package}"]


def test_other_missing_module_is_our_fault(plugin) -> None:
    with pytest.raises(ModuleNotFoundError):
        main(["learned"])


@pytest.mark.parametrize(("verb", "words"), [("patient", "stopped; the same command continues"), ("brief", "stopped")])
def test_interrupt(plugin, verb, words) -> None:
    process = start(plugin, verb)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == words


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("verb", ["patient", "swallowing", "broad", "tidy", "failing"])
def test_no_interrupt_is_lost_and_sigterm_ends_alike(plugin, verb, number, code) -> None:
    process = start(plugin, verb)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert err.strip() == "stopped; the same command continues"
    assert (out == "tidied\n") == (verb == "tidy")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_second_signal_does_not_break_off_the_end_of_workers(tmp_path, number, code) -> None:
    words = ["synth", "--domain", "clevr", "--count", "200", "--workers", "1", "--out", str(tmp_path / "set")]
    process = subprocess.Popen(
        [sys.executable, "-m", "sim2sg_core.cli.main", *words],
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # Tests may run under nohup.
    )
    while not list(tmp_path.glob("set/images/*.jpg")):
        assert process.poll() is None
        time.sleep(0.02)
    for _ in range(2):
        if number == signal.SIGHUP:  # Python's own resource tracker, in the same group, dies of it.
            process.send_signal(number)
        else:
            os.killpg(process.pid, number)
        time.sleep(0.05)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code and err.strip().endswith(b"the same command continues")


def test_sigterm_leaves_no_part_of_a_file(plugin, tmp_path) -> None:
    (folder := tmp_path / "out").mkdir()
    process = start(plugin, "writing", str(folder / "graphs.json"))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (143, "stopped")
    assert list(folder.iterdir()) == []


def test_a_verb_may_handle_signals_itself(plugin) -> None:
    process = start(plugin, "own")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (5, "")


def test_reader_that_leaves(plugin) -> None:
    process = start(plugin, "chatty")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr.read() == ""


def test_domain_show(plugin, capsys) -> None:
    assert main(["domain", "show", "clevr"]) == 0
    out = capsys.readouterr().out
    assert "cube" in out
    assert "right_of" in out


def test_domain_show_json_is_the_resolved_domain(plugin, capsys) -> None:
    from sim2sg_core.domains import Domain, load_domain

    assert main(["domain", "show", "drive", "--json"]) == 0
    assert Domain.from_json(capsys.readouterr().out) == load_domain("drive")


def test_domain_show_points_at_the_mistake(plugin, tmp_path, capsys) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nbocks: visible\n")
    assert main(["domain", "show", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{path}:" in err


def parsers(verb: str) -> Iterator[argparse.ArgumentParser]:
    """Yields the parser of a verb, then those of its actions."""
    yield (parser := verb_parser(verb, load_verb(verb)))
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


@pytest.mark.parametrize("verb", find_verbs())
def test_every_help_has_an_example_that_is_understood(verb: str) -> None:
    whole, *actions = parsers(verb)
    for parser in (whole, *actions):
        example = parser.format_help().partition("\nexample:\n  ")[2].strip()
        assert f"{example} ".startswith(f"{parser.prog} ")
        program, name, *words = shlex.split(example)
        assert (program, name) == ("sim2sg", verb)
        whole.parse_args(words)


@pytest.mark.parametrize("verb", find_verbs())
def test_every_help_states_the_defaults(verb: str) -> None:
    for parser in parsers(verb):
        for action in parser._actions:
            hidden = action.help == argparse.SUPPRESS or action.default in (None, False, [], argparse.SUPPRESS)
            assert hidden or "default" in str(action.help), f"{parser.prog} {action.option_strings}"


def test_the_package_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sim2sg_core", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"sim2sg {sim2sg_core.__version__}\n"
