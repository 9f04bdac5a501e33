// Package web embeds the files for browsers: the page, which `npm run build` in this folder builds, and
// GraphiQL. `make build` builds both.
package web

import (
	"embed"
	"io/fs"
)

var (
	// Without a build, a dist folder has only a placeholder.
	//go:embed all:dist
	page embed.FS

	//go:embed all:graphiql/dist graphiql/index.html graphiql/workbench.js graphiql/workbench.css
	graphiQL embed.FS

	//go:embed graphiql/examples
	examples embed.FS
)

// Page returns the page's files, index.html among them; nil without a build.
func Page() fs.FS { return built(sub(page, "dist"), "index.html") }

// GraphiQL returns GraphiQL's files: index.html, and the files it loads. Nil without a build.
func GraphiQL() fs.FS { return built(sub(graphiQL, "graphiql"), "dist/graphiql.js") }

// Examples returns GraphiQL's operations: a folder for each flow, with a file NAME.graphql for each
// operation and a file NAME.json for its variables, if it has any. Numbers in the names sort them.
func Examples() fs.FS { return sub(examples, "graphiql/examples") }

func built(files fs.FS, file string) fs.FS {
	if _, err := fs.Stat(files, file); err != nil {
		return nil
	}
	return files
}

func sub(files fs.FS, dir string) fs.FS {
	below, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // unreachable: go:embed has checked the names
	}
	return below
}
