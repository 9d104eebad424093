#!/usr/bin/env bash
# A job as it was written for GitLab CI: sections, one in another, some collapsed. No edits needed.
set -euo pipefail
start() { printf '\033[0Ksection_start:%s:%s\r\033[0K\033[36;1m%s\033[0;m\n' "$(date +%s)" "$1" "$2"; }
end() { printf '\033[0Ksection_end:%s:%s\r\033[0K' "$(date +%s)" "$1"; }

start get_sources "Getting source from Git repository"
echo "Fetching changes with git depth set to 20..."
sleep 1
printf '\033[32;1mChecking out 4f2a9c1b as detached HEAD...\033[0;m\n'
end get_sources

start deps[collapsed=true] "Installing dependencies"
echo "added 214 packages"
sleep 1
start audit "Audit"
echo "found 0 vulnerabilities"
sleep 1
end audit
end deps

start tests "Tests"
for suite in unit integration; do
    start "tests_$suite" "Tests: $suite"
    for percent in 0 25 50 75 100; do
        printf '\rrunning %3d%%' "$percent"
        sleep 0.3
    done
    printf '\n'
    end "tests_$suite"
done
end tests

start package "Package"
echo "shop-1.4.0.tar.gz"
sleep 1
end package
printf '\033[32;1mJob succeeded\033[0;m\n'
