#!/bin/sh
# Copies the files that the server embeds from GraphiQL's npm packages into dist/, after `npm ci`.
set -eu
cd "$(dirname "$0")"
mkdir -p dist
cp node_modules/react/umd/react.production.min.js dist/react.js
cp node_modules/react-dom/umd/react-dom.production.min.js dist/react-dom.js
cp node_modules/graphql-ws/umd/graphql-ws.min.js dist/graphql-ws.js
grep -v '^//# sourceMappingURL=' node_modules/graphiql/graphiql.min.css >dist/graphiql.css
grep -v '^//# sourceMappingURL=' node_modules/graphiql/graphiql.min.js >dist/graphiql.js
