#!/bin/sh
# Prints the Python that the project's environments are made with, or says in a sentence why there is none.
# Candidates are run, not only looked up: a version manager leaves names on the PATH that fail when called.
# PYTHON=/path/to/python asks for one in particular.
wrong='import sys; print("%d.%d" % sys.version_info[:2])'
right='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
seen=""
# 3.12 first: it is what Streamlit Community Cloud runs by default.
for candidate in ${PYTHON:-python3.12 python3.13 python3.11 python3 python /usr/bin/python3}; do
    if "$candidate" -c "$right" >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
    version=$("$candidate" -c "$wrong" 2>/dev/null) && seen="$seen, $candidate is $version"
done
case "$seen" in
*" 3.11"* | *" 3.12"* | *" 3.13"*)
    echo "Python is here but cannot make a virtual environment: on Debian or Ubuntu, run 'sudo apt-get install python3-venv'." >&2
    ;;
*)
    echo "This project needs Python 3.11, 3.12 or 3.13 (found: ${seen:-, none}). Install one, or name it: make app PYTHON=/path/to/python3.12" |
        sed 's/found: , /found: /' >&2
    ;;
esac
exit 1
