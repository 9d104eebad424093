#!/bin/sh
# An example to watch: steps, colours, a progress line, a warning and an artifact.
set -eu
say() { printf '\033[36m==>\033[0m %s\n' "$*"; }
mkdir -p build # an artifact lies in the folder in which its script was started

echo "META:COMMIT:4f2a9c1"
echo "STEP_START:Fetch sources"
for part in core parser store web ui; do
    say "fetching $part"
    sleep 0.4
done
echo "STEP_COMPLETE:Fetch sources"

echo "STEP_START:Compile [estimated_duration=6]"
for percent in 0 10 20 30 40 50 60 70 80 90 100; do
    printf '\rcompiling %3d%%' "$percent"
    sleep 0.25
done
printf '\n'
printf '\033[33mwarning:\033[0m unused variable in parser.c:118\n'
echo "STEP_COMPLETE:Compile"

echo "STEP_START:Test"
passed=0
while [ "$passed" -lt 40 ]; do
    passed=$((passed + 1))
    printf '\033[32mok\033[0m %d - case %d\n' "$passed" "$passed"
    sleep 0.08
done
echo "STEP_COMPLETE:Test"

echo "STEP_START:Lint"
echo "style.css: 2 findings"
echo "STEP_ERROR:2 style findings (this step may fail)"

echo "STEP_START:Package [stop_on_error=true]"
printf 'cases,passed\n40,%d\n' "$passed" > build/report.csv
echo "ARTIFACT:build/report.csv:Test report"
sleep 1
echo "STEP_COMPLETE:Package"
say "done"
