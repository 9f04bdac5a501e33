#!/usr/bin/env bash
# Refuses he, she and their forms in the schema, in Markdown, in the page's words, and in comments of Go and Lua.
# People are "they", "the guest", "the host". Prints each line that breaks the rule, and fails if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

word='(?i)\b(he|him|his|himself|she|her|hers|herself)\b'

files() { # files NAME...: all with such names that people write
  local names=()
  for name in "$@"; do names+=(-o -name "$name"); done
  find . \( -name node_modules -o -name .git -o -name bin -o -name data -o -name dist -o -name generated \) -prune \
    -o -type f \( "${names[@]:1}" \) -print0 | xargs -0 -r grep -L '^// Code generated .* DO NOT EDIT\.$'
}

found=0
search() { # search PATTERN FILE...
  if grep -nHP -- "$@"; then found=1; fi
}

mapfile -t texts < <(files '*.graphqls' '*.graphql' '*.md' && ls web/src/words/*.ts*)
mapfile -t go < <(files '*.go')
mapfile -t lua < <(files '*.lua')
search "$word" "${texts[@]}"
search "(^|\\s)//.*$word" "${go[@]}"
search "--.*$word" "${lua[@]}"
exit "$found"
