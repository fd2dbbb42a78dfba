"""The files that put the app on a server agree with each other and with what the app needs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.containers import PORT, read_image

HEALTH = "/_stcore/health"
IMAGE = read_image()


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_it_runs_as_nobody_in_particular_and_writes_nothing_but_to_tmp() -> None:
    names = [name for name, _ in IMAGE.instructions]
    (user,) = IMAGE.all("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    # What is installed belongs to root: the user who serves can't change it.
    assert max(index for index, name in enumerate(names) if name in ("RUN", "COPY")) < names.index("USER")
    assert IMAGE.environment["HOME"] == "/tmp" and IMAGE.environment["PYTHONDONTWRITEBYTECODE"] == "1"
    compose = read("deploy/compose.yaml")
    assert "read_only: true" in compose and '"/tmp:' in compose and "mem_limit: 690m" in compose


def test_the_python_is_the_one_that_the_project_prefers() -> None:
    wanted = read(".python-version").split()[0]
    (base,) = IMAGE.all("FROM")
    assert base.startswith(f"python:{wanted}-slim")
    assert f"Python {wanted}" in read("docs/deploy.md")


def test_the_port_and_the_health_check_are_the_same_everywhere() -> None:
    assert f"--server.port={PORT}" in IMAGE.command and IMAGE.all("EXPOSE") == [PORT]
    assert f", {PORT}, " in IMAGE.health_check[-1] and f"'{HEALTH}'" in IMAGE.health_check[-1]
    compose, proxy = read("deploy/compose.yaml"), read("deploy/Caddyfile")
    replicas = re.findall(r"^  (reader-\d+): \*reader$", compose, re.M)
    assert len(replicas) == 2
    (readers,) = re.findall(r'READERS: "(.+)"', compose)
    assert readers.split() == [f"{name}:{PORT}" for name in replicas]
    assert f"health_uri {HEALTH}" in proxy and "lb_policy cookie" in proxy
    assert set(re.findall(r"\{\$(\w+)\}", proxy)) <= set(re.findall(r"^      (\w+): ", compose, re.M))
    assert set(re.findall(r"localhost:(\d+)", read("docs/deploy.md"))) <= {PORT, *re.findall(r"PORT:-(\d+)", compose)}


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    lines = [line for line in read("deploy/Dockerfile.dockerignore").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(IMAGE.sources)
    assert all((ROOT / source).exists() for source in IMAGE.sources)
    assert {"packages.txt", "requirements.txt", "requirements/constraints.txt"} <= set(IMAGE.sources)
    assert "model/training" not in IMAGE.sources


def test_what_is_copied_reads_a_radiograph(tmp_path: Path) -> None:
    IMAGE.copy_into(tmp_path / "app")
    code = "from interface.core.loading import sample; open('sample.dcm', 'wb').write(sample())"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "app", check=True)
    command = [sys.executable, "-m", "model", "read", "sample.dcm"]
    done = subprocess.run(command, cwd=tmp_path / "app", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["scores"]) == {"normal", "other", "covid19"}


def test_the_page_tells_the_limits_that_are_set() -> None:
    text = read("docs/deploy.md")
    settings = tomllib.loads(read(".streamlit/config.toml"))
    assert f"{settings['server']['maxUploadSize']} MB" in text
    for name in re.findall(r"`([\w./-]+\.(?:txt|toml|yaml|py|json))`|`(deploy/(?:Dockerfile|Caddyfile))`", text):
        assert (ROOT / (name[0] or name[1])).exists(), name


def test_the_proxy_takes_its_configuration(tmp_path: Path) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("no Caddy found: install the system's package caddy")
    done = subprocess.run(
        [caddy, "validate", "--config", ROOT / "deploy" / "Caddyfile", "--adapter", "caddyfile"],
        env={"SITE": ":80", "READERS": "reader-1:8501 reader-2:8501", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
