#!/bin/sh
# Runs one of the project's TypeScript files with the Node.js that the project pins (the npm package `node`),
# starting from any Node.js 20 or newer with npm: `sh hack/with-node.sh FILE.ts ARGUMENT...`.
# Installs node_modules when they are missing or differ from the lock file.
set -eu

fail() {
  echo "lateen: $1" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "this needs Linux (Debian 12 or alike); this machine runs $(uname -s)"
command -v node >/dev/null || fail "node is missing: install Node.js 20 or newer"
command -v npm >/dev/null || fail "npm is missing: install it beside Node.js (Debian: apt-get install npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "Node.js $major is too old: install Node.js 20 or newer"

root=$(cd "$(dirname "$0")/.." && pwd)
file=$1
shift
case $file in
  /*) ;;
  *) file=$PWD/$file ;;
esac
cd "$root"
node=node_modules/node/bin/node

current() {
  node hack/setup/modules-current.mjs && [ -x "$node" ]
}

if ! current; then
  # Two commands started at once install once.
  exec 9<package-lock.json
  flock 9
  if ! node hack/setup/modules-current.mjs; then
    echo "lateen: installing node modules"
    npm ci --no-progress --loglevel=error || fail "npm ci failed (its own words are above)"
  fi
  if ! [ -x "$node" ]; then
    # npm may be set not to run install scripts; this is the package's own.
    echo "lateen: installing Node.js $(node -p 'require("./node_modules/node/package.json").version')"
    (cd node_modules/node && node installArchSpecificPackage.js) || fail "Node.js could not be installed (see above)"
    [ -x "$node" ] || fail "the npm package node has no program for this machine ($(uname -m))"
  fi
  exec 9<&-
fi

PATH=$root/node_modules/.bin:$PATH
export PATH
exec "$node" "$file" "$@"
