// Package web is what browsers are shown: the page, as `npm run build` in this folder makes it, and
// GraphiQL. `make build` does both.
package web

import (
	"embed"
	"io/fs"
)

var (
	// Without a build there is but a placeholder in a dist folder.
	//go:embed all:dist
	page embed.FS

	//go:embed all:graphiql/dist graphiql/index.html graphiql/workbench.js graphiql/workbench.css
	graphiQL embed.FS

	//go:embed graphiql/examples
	examples embed.FS
)

// Page returns the page's files, index.html among them; nil without a build.
func Page() fs.FS { return built(sub(page, "dist"), "index.html") }

// GraphiQL returns GraphiQL's files: index.html, and what it leads to. Nil without a build.
func GraphiQL() fs.FS { return built(sub(graphiQL, "graphiql"), "dist/graphiql.js") }

// Examples returns GraphiQL's operations: a folder for each flow, in it a file NAME.graphql for each
// operation and, where it has variables, NAME.json. Folders and files begin with a number that sorts them.
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
		panic(err) // the names are right, or this does not compile
	}
	return below
}
