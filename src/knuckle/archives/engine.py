"""Daft as this package uses it: without its telemetry and bars, on one machine or on Ray."""

import logging
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from knuckle.errors import KnuckleError, install_command

SILENT = {
    # Neither tells anybody that it runs; both would otherwise.
    "DAFT_ANALYTICS_ENABLED": "0",
    "SCARF_NO_ANALYTICS": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    # The command draws one bar of its own.
    "DAFT_PROGRESS_BAR": "0",
    # Ray would set it of its own accord, in workers that ask for no accelerator.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
REACHED_S = 10.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""A worker is one of several: each takes one core."""


def import_daft() -> Any:
    """Daft. Raises KnuckleError naming the extra where it is not installed."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    try:
        import daft
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("daft", "pyarrow"):
            raise
        raise KnuckleError(
            f"archives need Daft, which is not installed: {install_command('archives')}"
        ) from error
    return daft


def set_one_thread() -> None:
    """Where the environment does not say otherwise; the workers of this machine take it over."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")


def use_native() -> None:
    """Workers are processes of this machine. Raises KnuckleError where Ray was chosen before in this process."""
    daft = import_daft()
    try:
        daft.set_runner_native()
    except RuntimeError as error:
        raise KnuckleError(f"expected Daft's native runner, but another one is in use ({error})") from error


def use_ray(address: str | None) -> int:
    """Workers are those of a Ray cluster; the number of its cores.

    address: of the cluster ("auto" for the one that this machine is part of, ray://HOST:10001 for another one); None or
    "local" starts one on this machine. Raises KnuckleError where there is no Ray or no such cluster.
    """
    daft = import_daft()
    try:
        import ray
    except ModuleNotFoundError as error:
        raise KnuckleError(
            f"--ray needs ray, which is not installed: {install_command('archives-ray')}"
        ) from error
    local = address in (None, "local")
    if not local and address != "auto":
        _check_reachable(str(address))
    variables = {name: os.environ.get(name, "1") for name in _THREADS} | SILENT
    try:
        if not ray.is_initialized():
            ray.init(
                address="local" if local else address,
                runtime_env={"env_vars": variables},
                include_dashboard=False if local else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        daft.set_runner_ray(noop_if_initialized=True)
        return max(1, int(ray.cluster_resources().get("CPU", 1)))
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise KnuckleError(f"--ray {address}: expected a Ray cluster, got: {error}") from error


def _check_reachable(address: str) -> None:
    """Raise KnuckleError where nobody answers at HOST:PORT or ray://HOST:PORT: Ray would try for many minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if not parts.hostname or not parts.port:
            raise KnuckleError(f'--ray {address}: expected "auto", "local", HOST:PORT or ray://HOST:PORT')
        with socket.create_connection((parts.hostname, parts.port), timeout=REACHED_S):
            pass
    except (OSError, ValueError) as error:
        raise KnuckleError(
            f"--ray {address}: expected a Ray cluster there, but nobody answers ({error})"
        ) from error
