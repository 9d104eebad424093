#!/usr/bin/env bash
# A build as it was written for GitHub Actions: groups, annotations, masks, outputs. No edits needed.
set -euo pipefail
work=$(mktemp -d)
cd "$work"

echo "::add-mask::deploy-key-4711"
echo "::group::Install dependencies"
echo "::debug::cache key linux-npm-4f2a9c1"
for package in semver chalk glob; do
    echo "added $package"
    sleep 0.3
done
echo "::group::Audit"
echo "found 0 vulnerabilities"
sleep 0.4
echo "::endgroup::"
echo "::endgroup::"

echo "::group::Lint"
sleep 0.5
echo "src/cart.ts:3:1 unused import"
echo "::warning file=src/cart.ts,line=3,col=1,title=no-unused-vars::'round' is imported and never used"
echo "::endgroup::"

echo "::group::Test"
for test in price cart checkout; do
    printf '\033[32mPASS\033[0m src/%s.test.ts\n' "$test"
    sleep 0.4
done
echo "::error file=src/checkout.test.ts,line=14,title=checkout › adds up::expected 4, received 3%0A  at src/checkout.test.ts:14:5"
echo "::notice title=Coverage::branches at 75%25"
echo "::endgroup::"

echo "::stop-commands::pause-4f2a"
echo "::group::is no group here: a test prints what the code under test prints"
echo "::pause-4f2a::"

echo "::group::Deploy"
echo "using deploy-key-4711"
sleep 0.6
echo "::set-output name=version::1.4.0"
echo "::endgroup::"
