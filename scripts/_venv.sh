# shellcheck shell=sh
# Sourced by the scripts beside it: `prepare_venv EXTRAS` sees to it that `$venv_python` can run the package with those
# extras. It needs a POSIX shell and Python's own venv and pip, nothing else.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
venv=$root/.venv
venv_python=$venv/bin/python
stamp=$venv/ready
lock=$root/.venv.lock
oldest_python=$(sed -n 's/^python_requires *= *>= *//p' "$root/setup.cfg")

# Set for another environment, these would send imports or installed files astray. What says where packages come from
# (PIP_INDEX_URL, PIP_CERT and the like) stays.
unset PYTHONHOME PYTHONPATH
unset PIP_DRY_RUN PIP_NO_BUILD_ISOLATION PIP_NO_DEPS PIP_PREFIX PIP_PYTHON PIP_ROOT PIP_TARGET PIP_USER

prepare_venv() {
    if is_ready "$1"; then return; fi
    take_lock
    if ! is_ready "$1"; then install "$1"; fi
    release_lock
}

# Whatever has the development extra also serves to run.
is_ready() {
    stamped=$(cat "$stamp" 2>/dev/null) || return 1
    ready=$(describe_place && describe_requirements)
    [ "$stamped" = "$ready extras: $1" ] || [ "$stamped" = "$ready extras: dev" ]
}

# An environment holds absolute paths: when the repository or its Python has moved, it must be made anew.
describe_place() {
    printf '%s\n' "Python $(version_of "$venv_python") in $root"
}

describe_requirements() {
    cat "$root/setup.cfg" "$root/pyproject.toml" "$root/constraints.txt" | cksum
}

# The stamp goes first and comes back last: without one, the environment may be half-made and is cleared.
install() {
    place=$(head -n 1 "$stamp" 2>/dev/null) || place=
    python=
    if [ "$place" != "$(describe_place)" ]; then python=$(find_python) || exit 1; fi
    say "Installing synthetic_communities in $venv; this can take a minute."
    rm -f "$stamp"
    if [ -n "$python" ]; then attempt "$python" -P -m venv --clear "$venv"; fi
    ready=$(describe_place && describe_requirements)
    # pip reads "[" as the start of the extras: the path, which may have one too, must not be in its argument.
    cd_then "$root" attempt "$venv_python" -P -m pip install --no-user --disable-pip-version-check --no-input \
        --constraint constraints.txt --editable ".${1:+[$1]}"
    printf '%s\n' "$ready extras: $1" >"$stamp"
}

cd_then() (
    cd "$1" || exit 1
    shift
    "$@"
)

attempt() {
    output=$("$@" 2>&1) && return
    say "$output"
    die "$0: failed, as shown above: $*"
}

# Prints the first usable Python. Looks at all of the PATH: an old Python may stand before a good one.
find_python() (
    found=
    IFS=:
    set -f
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        for directory in $PATH; do
            candidate=$directory/$name
            if [ ! -x "$candidate" ] || [ "$directory" = "$venv/bin" ]; then continue; fi
            flaw=$(flaw_of "$candidate")
            if [ -z "$flaw" ]; then
                printf '%s\n' "$candidate"
                return
            fi
            case $found in *"$flaw"*) ;; *) found="$found  $candidate: $flaw$newline" ;; esac
        done
    done
    die "$(explain_missing_python "${found:-  no python3 at all$newline}")"
)

newline='
'

# Says in words why this Python cannot make the environment; says nothing if it can.
flaw_of() {
    version=$(version_of "$1")
    if [ -z "$version" ]; then
        echo "does not start"
    elif ! is_new_enough "$version"; then
        echo "Python $version, too old"
    elif ! "$1" -I -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "Python $version, without its venv and ensurepip modules"
    fi
}

version_of() {
    "$1" -I -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true
}

is_new_enough() {
    minor=${1#3.}
    [ "${minor%%.*}" -ge "${oldest_python#3.}" ]
}

explain_missing_python() {
    cat <<END
$0 needs Python $oldest_python or newer, with its venv and ensurepip modules. Found on the PATH:
$1
Install one and try again:
  Debian, Ubuntu: sudo apt install python3-venv
  Fedora:         sudo dnf install python3
  macOS:          brew install python3
Where that is still too old, ask for a version by name: python$oldest_python-venv, python$oldest_python, python@$oldest_python.
END
}

# With noclobber (set -C) the shell makes a file that was not there, or fails, in one step.
take_lock() {
    announced=
    until (set -C && echo "$$" >"$lock") 2>/dev/null; do
        [ -w "$root" ] || die "$0: cannot write in $root, where .venv has to be made."
        holder=$(cat "$lock" 2>/dev/null) || holder=
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -f "$lock"
            continue
        fi
        [ -n "$announced" ] || say "Waiting for process $holder to finish installing; if there is none, remove $lock."
        announced=yes
        sleep 1
    done
    trap 'rm -f "$lock"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

release_lock() {
    rm -f "$lock"
    trap - EXIT HUP INT TERM
}

say() {
    printf '%s\n' "$1" >&2
}

die() {
    say "$1"
    exit 1
}
