package transport

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// problem is what is wrong with a request that cannot be a GraphQL request.
type problem struct {
	status        int
	code, message string
	allow         string
}

func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID", message: message}
}

// params reads the operation of a request.
func (t HTTP) params(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem) {
	params := &graphql.RawParams{}
	params.ReadTime.Start = graphql.Now()
	var bad *problem
	switch r.Method {
	case http.MethodGet:
		bad = t.readQuery(r, params)
	case http.MethodPost:
		bad = t.readBody(w, r, params)
	default:
		bad = &problem{http.StatusMethodNotAllowed, "INVALID", "GraphQL requires GET or POST", "GET, POST"}
	}
	if bad != nil {
		return nil, bad
	}
	if params.Query == "" && params.Extensions["persistedQuery"] == nil {
		return nil, badRequest("there is no query")
	}
	params.Headers = r.Header
	return params, nil
}

func (t HTTP) readQuery(r *http.Request, params *graphql.RawParams) *problem {
	if !trusts(t.Origins)(r) {
		return &problem{status: http.StatusForbidden, code: "FORBIDDEN",
			message: "pages of other sites may not ask here"}
	}
	if int64(len(r.URL.RawQuery)) > t.MaxBody {
		return &problem{status: http.StatusRequestURITooLong, code: "INVALID",
			message: "the address is too long"}
	}
	values := r.URL.Query()
	params.Query, params.OperationName = values.Get("query"), values.Get("operationName")
	for name, into := range map[string]*map[string]any{
		"variables": &params.Variables, "extensions": &params.Extensions,
	} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		if err := decode([]byte(text), into); err != nil {
			return undecoded(err, name+" is no JSON object")
		}
	}
	return nil
}

// trusts returns a function that reports whether a request comes from a page of our own origin or of one of some
// others, or from no page. A GET is checked too: net/http considers it safe, but here it may open a subscription with
// the cookie of the person who visits the page.
func trusts(origins []string) func(*http.Request) bool {
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		_ = protection.AddTrustedOrigin(origin) // an invalid one trusts nobody
	}
	return func(r *http.Request) bool {
		unsafe := *r
		unsafe.Method = http.MethodPost
		return protection.Check(&unsafe) == nil
	}
}

func (t HTTP) readBody(
	w http.ResponseWriter, r *http.Request, params *graphql.RawParams,
) *problem {
	if Encoded(r) {
		w.Header().Set("Accept-Encoding", "identity")
		return &problem{status: http.StatusUnsupportedMediaType, code: "INVALID", message: EncodedMessage}
	}
	if !isJSON(strings.Join(r.Header.Values("Content-Type"), ",")) {
		return &problem{status: http.StatusUnsupportedMediaType, code: "INVALID",
			message: "the body requires Content-Type: application/json"}
	}
	var bad *problem
	withBuffer(func(empty []byte) []byte {
		text, err := readAll(http.MaxBytesReader(w, r.Body, t.MaxBody), r.ContentLength, empty)
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			bad = &problem{status: http.StatusRequestEntityTooLarge, code: "INVALID",
				message: "the body is too large"}
		} else if err != nil {
			bad = badRequest("the body could not be read")
		} else if err := decode(text, params); err != nil {
			bad = undecoded(err, "the body is no GraphQL request in JSON")
		}
		return text
	})
	return bad
}

// undecoded returns why decode failed. Errors of encoding/json are not for people, so message stands for them.
func undecoded(err error, message string) *problem {
	if errors.Is(err, errTooMuch) {
		message = "this JSON is too much: " + err.Error()
	}
	return badRequest(message)
}

// EncodedMessage refuses a compressed body.
const EncodedMessage = "compressed bodies are not accepted here: send this one without Content-Encoding"

// Encoded reports whether a request's body is compressed or encoded otherwise. A small encoded body may decode to any
// size.
func Encoded(r *http.Request) bool {
	for _, header := range r.Header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(header, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return true
			}
		}
	}
	return false
}

// isJSON reports whether a Content-Type is JSON in UTF-8.
func isJSON(contentType string) bool {
	if contentType == typeJSON {
		return true
	}
	mediaType, options, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(options["charset"])
	return err == nil && mediaType == typeJSON && (charset == "" || charset == "utf-8")
}

// readAll appends a body to a buffer. length is the body's Content-Length, or -1.
func readAll(body io.Reader, length int64, to []byte) ([]byte, error) {
	read := bytes.NewBuffer(slices.Grow(to, int(min(max(length, 0), 8<<10))+bytes.MinRead))
	_, err := read.ReadFrom(body)
	return read.Bytes(), err
}

// buffers are for bodies of requests and responses.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is how many bytes a buffer may have to be kept.
const maxPooled = 64 << 10

// withBuffer calls a function with an empty buffer. The function returns the buffer when it has grown.
func withBuffer(use func(empty []byte) []byte) {
	buffer := buffers.Get().(*[]byte)
	if *buffer = use((*buffer)[:0]); cap(*buffer) <= maxPooled {
		buffers.Put(buffer)
	}
}
