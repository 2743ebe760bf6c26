"""How much memory this process took."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def read_peak_bytes() -> int | None:
    """Return the most memory this process ever held, in bytes; None where the system does not tell.

    On Linux from its own status: the peak that `getrusage` tells there is also that of whoever started the process.
    """
    if STATUS.is_file():
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
        if peaks:
            return peaks[0]
    try:
        import resource  # late: not everywhere
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
