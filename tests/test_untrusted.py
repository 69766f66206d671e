import os
import shutil
from pathlib import Path

import pytest
import torch
from helpers.foreign import packed
from torch import distributed
from torch.distributed.device_mesh import DeviceMesh

from sher_rl import UsageError
from sher_rl.untrusted import load_tensors, one_line, read_plain, refuse_links, shown


def test_only_plain_files_are_read_and_nothing_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    os.mkfifo(tmp_path / "pipe")
    assert read_plain(tmp_path / "plain") == b"abc"
    for path in (tmp_path / "link", tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "nothing"):
        with pytest.raises(OSError, match=path.name):
            read_plain(path)


class Mesh:
    """Pickled, it is a DeviceMesh, which torch.distributed allows ``weights_only`` to build."""

    def __reduce__(self) -> tuple:
        return DeviceMesh, ("cpu", [0])


def test_a_file_makes_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch.distributed.tensor

    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    before = torch.serialization.get_safe_globals()
    with pytest.raises(Exception, match="Weights only load failed"):
        load_tensors(packed({"state_dict": Mesh()}))
    assert not distributed.is_initialized()
    assert {*torch.serialization.get_safe_globals()} == {*before}


def test_tensors_numbers_and_text_are_read() -> None:
    content = {"a": torch.arange(3), "b": [1, 2.5, None, "x", (True,)]}
    again = load_tensors(packed(content))
    assert torch.equal(again.pop("a"), content.pop("a"))
    assert again == content


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/7", "tensorboard"])
def test_a_folder_that_is_a_link_is_refused(name: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints" / "7").mkdir(parents=True)
    (run / "csv").symlink_to(Path(__file__))
    refuse_links(run)
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).symlink_to(tmp_path)
    with pytest.raises(UsageError, match=f"has a link, '{name}'"):
        refuse_links(run)


@pytest.mark.parametrize("char", "|\n\r`*<>[]()$\\{}\x1b\u202e&#~^\"'!")
def test_what_markdown_tex_and_terminals_act_on_is_not_shown(char: str) -> None:
    assert shown(f"a{char}b") == "a?b"


def test_names_of_runs_are_shown_as_they_are() -> None:
    for name in ("fetch_slide-sher-a0.05-s0", "run 2, γ=.98+", "0", ""):
        assert shown(name) == name


def test_a_sentence_stays_one() -> None:
    assert one_line("δS is 0.1 – é\n\x1b]0;x\x07\u202e") == "δS is 0.1 – é\\n\\x1b]0;x\\x07\\u202e"
