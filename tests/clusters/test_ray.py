"""A Ray cluster of two nodes, each a process of this machine: runs are spread over them, and outlive who submits."""

import json
import os
import subprocess
import sys
import time

import pytest
from in_process import run_command
from tiny_experiments import write_moods

pytest.importorskip("ray")


def test_runs_are_tasks_of_a_cluster_and_what_is_done_is_not_sent_again(tmp_path, tiny_folder, own_store):
    from ray.cluster_utils import Cluster

    write_moods(tmp_path)
    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000, resources={"fast": 1})
        environment = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "MSLT_STORE": str(own_store)}
        environment |= {"OMP_NUM_THREADS": "1", "RAY_ADDRESS": cluster.address}
        plan = ["train", "--task", tmp_path / "moods.toml", "--model", tiny_folder, "--examples", 16, "--steps", 3]
        plan += ["--sources", "en", "--sources", "de", "--sources", "fr", "--submit", "ray", "--format", "json"]
        words = [sys.executable, "-m", "mslt_cli", *map(str, plan), "--ray", "num_cpus=1"]
        done = subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=True)
        assert [sent["elements"] for sent in json.loads(done.stdout)["submitted"]] == [3]

        def unfinished():
            return json.loads(run_command("report", "runs", "--unfinished", "--json", **environment).stdout)[
                "unfinished"
            ]

        assert {run["state"] for run in unfinished()} == {"queued", "running"}  # two cores, three runs
        assert json.loads(run_command(*plan, **environment).stdout)["submitted"] == []
        until = time.monotonic() + 120
        while left := unfinished():
            assert time.monotonic() < until, left
            time.sleep(1)
        assert len(list(tmp_path.glob("runs/*/run.json"))) == 3
        assert json.loads(run_command(*plan, **environment).stdout)["submitted"] == []
    finally:
        import ray

        ray.shutdown()
        cluster.shutdown()
