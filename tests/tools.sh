#!/bin/sh
# What the tests use beside Python: a browser for the page, Prometheus for dashboards and alerts, a C++ compiler for stand-ins of a
# GPU. As root on Debian they are installed; elsewhere what is missing is named, and pytest names each test that it leaves out.
set -u
has() { command -v "$1" >/dev/null 2>&1; }

missing=""
has chromium || has chromium-browser || has google-chrome || missing="$missing chromium"
has prometheus && has promtool || missing="$missing prometheus"
has c++ && has cc || missing="$missing g++"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && has apt-get; then
    echo "installing for the tests:$missing"
    apt-get update -qq >/dev/null 2>&1
    for package in $missing; do
        # a browser is of use with its fonts; the others come alone
        [ "$package" = chromium ] && only="" || only=--no-install-recommends
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $only "$package" >/dev/null 2>&1 ||
            echo "$package cannot be installed: the tests that use it are left out"
    done
    # the package may start it as a service; the tests start their own
    has service && { service prometheus stop || true; } >/dev/null 2>&1
else
    echo "not installed here:$missing (Debian's packages): the tests that use them are left out"
fi
exit 0
