package main

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// workbench is GraphiQL, for developers who build on Foyer, with an example for everything.
type workbench struct {
	// files are nil without a build.
	files    static
	examples []exampleGroup
}

// exampleGroup is a flow: its operations in their order.
type exampleGroup struct {
	Name     string    `json:"name"`
	Examples []example `json:"examples"`
}

// example is an operation, and its variables as a JSON object; empty for none.
type example struct {
	Name      string `json:"name"`
	Query     string `json:"query"`
	Variables string `json:"variables"`
}

func newWorkbench(build, examples fs.FS) (*workbench, error) {
	b := &workbench{}
	var err error
	if b.examples, err = readExamples(examples); err != nil || build == nil {
		return b, err
	}
	b.files, err = newStatic(build)
	return b, err
}

// readExamples returns the operations of a folder: a folder for each flow.
func readExamples(files fs.FS) ([]exampleGroup, error) {
	var groups []exampleGroup
	folders, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		group := exampleGroup{Name: title(folder.Name())}
		names, err := fs.Glob(files, folder.Name()+"/*.graphql")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			query, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, err
			}
			base := strings.TrimSuffix(name, ".graphql")
			variables, _ := fs.ReadFile(files, base+".json") // there may be none
			group.Examples = append(group.Examples,
				example{title(path.Base(base)), string(query), string(variables)})
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// title is a file's name without the number that sorts it: "03-create-a-room" is "Create a room".
func title(name string) string {
	_, words, _ := strings.Cut(name, "-")
	words = strings.ReplaceAll(words, "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// graphiQLPolicy allows what GraphiQL does: its editor and dialogs write styles into the document, and
// its fonts are in its style sheet.
const graphiQLPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"font-src data:; img-src 'self' data:; connect-src 'self'; form-action 'none'; " +
	"frame-ancestors 'none'; base-uri 'none'"

func (b *workbench) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /graphiql", b.home)
	mux.HandleFunc("GET /graphiql/examples.json", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, b.examples)
	})
	mux.HandleFunc("GET /graphiql/{file...}", b.file)
}

func (b *workbench) home(w http.ResponseWriter, r *http.Request) {
	if b.files == nil {
		http.Error(w, "This server was built without GraphiQL: make build", http.StatusNotFound)
		return
	}
	secure(w.Header(), graphiQLPolicy)
	b.files.serve(w, r, "index.html", askAgain)
}

func (b *workbench) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if b.files[name] == nil {
		http.NotFound(w, r)
		return
	}
	b.files.serve(w, r, name, askAgain)
}
