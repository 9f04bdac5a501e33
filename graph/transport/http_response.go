package transport

import (
	"net/http"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// notExecuted is the status for a document that cannot be executed, by media type. Old clients read only the body.
var notExecuted = map[string]int{
	typeJSON:     http.StatusOK,
	typeResponse: http.StatusBadRequest,
}

// Failed answers a request that no transport could answer, with an error as clients see it.
func Failed(w http.ResponseWriter, r *http.Request, err error) {
	write(w, MediaType(r), http.StatusInternalServerError,
		&graphql.Response{Errors: gqlerror.List{gqlerror.WrapIfUnwrapped(err)}}, false)
}

func refuse(w http.ResponseWriter, mediaType string, p *problem) {
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	write(w, mediaType, p.status, refusal(p.code, p.message), false)
}

// The values of headers that never change. Header.Add copies them.
var (
	contentTypes = map[string][]string{
		typeJSON:     {typeJSON + "; charset=utf-8"},
		typeResponse: {typeResponse + "; charset=utf-8"},
	}
	noSniff    = []string{"nosniff"}
	noStore    = []string{"no-store"}
	varyAccept = []string{"Accept"}
)

// unbuffered is how many bytes of a body net/http holds back to compute their number.
const unbuffered = 2 << 10

// write answers with one document, executed or not.
func write(w http.ResponseWriter, mediaType string, status int, r *graphql.Response, executed bool) {
	h := w.Header()
	h["Content-Type"], h["X-Content-Type-Options"], h["Cache-Control"] = contentTypes[mediaType], noSniff, noStore
	if h["Vary"] == nil {
		h["Vary"] = varyAccept
	} else {
		h.Add("Vary", "Accept")
	}
	withBuffer(func(text []byte) []byte {
		text = appendBody(text, r, executed)
		if len(text) > unbuffered {
			h.Set("Content-Length", strconv.Itoa(len(text))) // otherwise it would be chunked
		}
		w.WriteHeader(status)
		_, _ = w.Write(text)
		return text
	})
}
