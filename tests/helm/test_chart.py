"""The Helm chart: it lints, renders, and what it renders is what Kubernetes takes.

There is no cluster here: linting, rendering and the published schemas are the ceiling. `make helm-tools` fetches helm
and the schemas; without them these tests are skipped, which CI does not allow.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from domain.tasks.catalogue import Queue
from tests.architecture.sources import ROOT

CHART = ROOT / "helm" / "opscom"
TOOLS = ROOT / ".cache" / "helm"
HELM = TOOLS / "bin" / "helm"
KUBERNETES = "1.33"
EVERYTHING = {
    "migrate": {"existingSecret": "provisioner"},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "off"},
        "tlsSecret": "wildcard",
        "catchAll": True,
    },
    "edge": {"enabled": True},
    "networkPolicy": {"enabled": True, "internalFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    "imagePullSecrets": ["registry"],
    "podAnnotations": {"team": "parking"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "parking", "operator": "Exists"}],
}
LEAST = {
    "serviceAccount": {"create": False},
    "podDisruptionBudget": {"enabled": False},
    "workers": {"poll": None},
}
pytestmark = pytest.mark.skipif(not HELM.exists(), reason="no helm here: make helm-tools")


def test_the_chart_lints() -> None:
    done = _run([HELM, "lint", "--strict", CHART])

    assert "0 chart(s) failed" in done.stdout, done.stdout


@pytest.mark.parametrize("values", [{}, EVERYTHING, LEAST], ids=["defaults", "everything", "least"])
def test_kubernetes_takes_what_the_chart_renders(tmp_path: Path, values: dict[str, object]) -> None:
    manifests = _render(tmp_path, values)

    done = _validate(manifests)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_manifest_is_found(tmp_path: Path) -> None:
    manifests = _render(tmp_path, {})
    manifests.write_text(manifests.read_text().replace("replicas: 2", "replicas: many", 1))

    assert _validate(manifests).returncode == 1


def test_every_group_of_queues_has_a_deployment(tmp_path: Path) -> None:
    text = _render(tmp_path, {"workers": {"imports": {"queues": ["bulk"], "replicas": 1}}}).read_text()
    deployments = [part for part in text.split("\n---\n") if "kind: Deployment" in part and "args: [worker," in part]
    queues = [word for part in deployments for word in re.findall(r'--queues, "([^"]+)"', part)]

    assert queues == ["push,bulk,backup", "bulk", "interactive", "poll"]


def test_the_groups_of_the_defaults_serve_every_queue_once(tmp_path: Path) -> None:
    text = _render(tmp_path, {}).read_text()
    served = [queue for group in re.findall(r'--queues, "([^"]+)"', text) for queue in group.split(",")]

    assert sorted(served) == sorted(queue.value for queue in Queue)


def test_whoever_exports_has_room_for_it_and_nobody_else_fills_a_node(tmp_path: Path) -> None:
    """An export is put together at /tmp: with the 64 MiB that were meant for small files the pod was evicted, and again."""
    parts = _render(tmp_path, {}).read_text().split("\n---\n")
    room = {
        queues: re.findall(r"sizeLimit: (\S+)", part)
        for part in parts
        for queues in re.findall(r'--queues, "([^"]+)"', part)
        or re.findall(r"args: \[(gateway|dispatcher|migrate)", part)
    }

    assert room.pop("push,bulk,backup") == ["8Gi"]
    assert room == {part: ["64Mi"] for part in ("interactive", "poll", "gateway", "dispatcher", "migrate")}


def test_containers_are_neither_root_nor_able_to_write_their_image(tmp_path: Path) -> None:
    text = _render(tmp_path, {}).read_text()
    containers = text.count("- name: OPSCOM_HOST")

    assert containers == 6
    assert text.count("readOnlyRootFilesystem: true") == containers
    assert text.count("runAsNonRoot: true") == containers
    assert text.count("allowPrivilegeEscalation: false") == containers


def test_the_internal_port_has_a_service_only_where_an_edge_asks_there(tmp_path: Path) -> None:
    closed = _render(tmp_path, {}).read_text()
    asked = _render(tmp_path, {"edge": {"enabled": True}}).read_text()

    assert (closed.count("targetPort: internal"), asked.count("targetPort: internal")) == (0, 1)


def test_every_long_running_pod_is_asked_for_its_health_and_its_metrics(tmp_path: Path) -> None:
    text = _render(tmp_path, {"podAnnotations": {"team": "parking", "prometheus.io/path": "/all"}}).read_text()
    pods = [part for part in text.split("\n---\n") if "kind: Deployment" in part]

    assert len(pods) == 5
    for pod in pods:
        assert re.findall(r"path: (/healthz/\w+), port: internal", pod) == [*["/healthz/live"] * 2, "/healthz/ready"]
        assert re.search(r"name: internal\n +containerPort: 9000\n", pod)
        assert re.findall(r"prometheus.io/(\w+): (\S+)", pod) == [
            ("path", "/all"),
            ("port", '"9000"'),
            ("scrape", '"true"'),
        ]
        assert "team: parking" in pod


def test_internal_ports_are_open_to_whom_the_policy_names_and_to_nobody_else(tmp_path: Path) -> None:
    closed = _render(tmp_path, {"networkPolicy": {"enabled": True}}).read_text()
    opened = _render(tmp_path, {"networkPolicy": EVERYTHING["networkPolicy"]}).read_text()

    assert (closed.count("- port: internal"), opened.count("- port: internal")) == (0, 2)


def test_migrations_run_before_the_rollout_and_once_more_after_it(tmp_path: Path) -> None:
    text = _render(tmp_path, {}).read_text()
    (job,) = (part for part in text.split("\n---\n") if "kind: Job" in part)

    assert "helm.sh/hook: pre-install,pre-upgrade,post-upgrade\n" in job
    assert "args: [migrate]" in job


def _render(folder: Path, values: dict[str, object]) -> Path:
    given = folder / "values.yaml"
    given.write_text(json.dumps(values))  # JSON is YAML
    done = _run([HELM, "template", "demo", CHART, "--values", given])
    assert done.returncode == 0, done.stderr
    manifests = folder / "manifests.yaml"
    manifests.write_text(done.stdout)
    return manifests


def _validate(manifests: Path) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "-m", "kubernetes_validate", "-k", KUBERNETES, "--strict", manifests])


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a tool; helm wants a HOME, and the schemas' package lies beside it and not in our environment."""
    env = os.environ | {"HOME": str(TOOLS), "PYTHONPATH": str(TOOLS / "site")}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)
