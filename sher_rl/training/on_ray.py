"""Training on a Ray cluster: the loop of ``train``, whose environments, buffer and evaluations are in actors."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

from sher_rl.errors import UsageError
from sher_rl.training.checks import check_actions
from sher_rl.training.config import AnyConfig
from sher_rl.training.loop import OnEvaluate, already_done, check_buffer, prepare, run_to_the_end
from sher_rl.training.remote.actors import Build, MakeTestEnv
from sher_rl.training.remote.cluster import ActorDied, cluster
from sher_rl.training.remote.evaluation import RemoteEvaluation
from sher_rl.training.remote.replay import RemoteReplay
from sher_rl.training.remote.rollouts import RemoteRollouts
from sher_rl.training.remote.threads import threads_of
from sher_rl.training.samplers import nothing
from sher_rl.training.threads import use_threads

SERVICES = 2
"""Processors for the buffer and for evaluations."""


def train_on_ray(
    config: AnyConfig,
    build: Build[AnyConfig],
    *,
    make_test_env: MakeTestEnv[AnyConfig] | None = None,
    on_evaluate: OnEvaluate = nothing,
) -> Path:
    """Train as :func:`~sher_rl.train` does, on the Ray cluster that ``config.ray`` names; needs the extra ``ray``.

    ``config.actors`` processes collect, each with its share of ``config.num_envs`` environments. Another one holds the
    replay buffer, with relabelling and normalisation, and another one plays the evaluations. This process learns. As
    many updates follow a batch as without a cluster, whoever is faster.

    With one actor the run equals that of :func:`~sher_rl.train` to the bit, and either can resume the other. Several
    collect a batch ahead; the column ``policy_age`` of ``progress.csv`` says how many gradient steps behind the policy
    then was.

    Args:
        config: the numbers; ``ray`` is ``local`` for a cluster on this machine, or an address.
        build: makes the parts of the run; every process of the cluster calls it, so it has to be importable there.
        make_test_env: from the configuration to the test environments; None makes those of the task.
        on_evaluate: called in this process with the row of ``progress.csv`` after each evaluation.

    Returns:
        The run's folder.

    Raises:
        UsageError: as ``train``; or Ray is not installed, or no cluster is at the address.
        ActorDied: the process with the buffer or the evaluations is gone. The run can be resumed. Where one that
            collects is gone, another one takes its place and the run goes on.
    """
    if config.resume and already_done(config.resume, config.total_frames):
        return config.resume
    if config.init_from is not None:
        raise UsageError(f"init_from is {config.init_from!r:.80}, which --ray does not know; leave one of them out.")
    prepare(config)
    parts = build(config)
    check_actions(parts.env)
    check_buffer(parts.buffer, parts.env)
    threads = threads_of(config)
    use_threads(threads.learner)
    with cluster(str(config.ray), cpus=config.actors * threads.collector + SERVICES), closing(parts.env):
        collecting = dataclasses.replace(config, num_threads=threads.collector)
        rollouts = RemoteRollouts(build, collecting, parts.explorer, parts.learner)
        replay = RemoteReplay(build, config, parts)
        evaluation = RemoteEvaluation(build, config, make_test_env)
        with closing(rollouts), closing(replay), closing(evaluation):
            try:
                return run_to_the_end(config, parts, replay, evaluation, rollouts, on_evaluate)
            except ActorDied as death:
                folder = config.resume or config.out_dir / str(config.run_name)
                raise ActorDied(f"{death}; go on with --resume {folder}.") from death
