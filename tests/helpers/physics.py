"""Environments whose physics fail."""

import copy


def break_physics(env, i):
    """Give environment ``i`` a model that MuJoCo refuses to step."""
    broken = copy.copy(env._sims[i].model)
    broken.opt.integrator = 99
    env._robot._worlds[i] = broken, env._sims[i].data
