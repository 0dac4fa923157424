# For scripts to read: `peak COMMAND…` runs a command and leaves the most memory that it held, in kB, in $peak. Linux.
peak() {
    "$@" &
    process=$!
    peak=0
    # The system keeps the peak, so nothing is missed between two looks.
    while found=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$process/status" 2> /dev/null) && [ -n "$found" ]; do
        peak=$found
        sleep 0.2
    done
    wait $process
}
