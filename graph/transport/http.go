package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// HTTP serves queries and mutations as the GraphQL over HTTP draft says, and any operation as
// server-sent events to who asks for them. Bodies are JSON; there is no batching and no upload.
type HTTP struct {
	// MaxBody is how many bytes a body may have.
	MaxBody int64
	// Timeout bounds an operation that is no subscription.
	Timeout time.Duration
	// WriteTimeout is how long one event may take to be written.
	WriteTimeout time.Duration
	// Heartbeat is how often an idle stream shows that it lives.
	Heartbeat time.Duration
	// Admit counts a subscription's stream, and returns what takes it from the count; false when there are too
	// many. With nil there may be any number.
	Admit func(*http.Request) (leave func(), ok bool)
	// Stopping ends streams when it does, so that their clients go elsewhere.
	Stopping context.Context
	// Life returns a context that ends with a request's and with the credentials it came with, and a
	// function that frees it. A subscription lives no longer; its client is to show new ones. With nil
	// it may.
	Life func(context.Context) (context.Context, context.CancelFunc)
	// Origins are those beside our own whose pages may ask.
	Origins []string
}

var _ graphql.Transport = HTTP{}

// Supports reports whether a request is for this transport: whatever is no WebSocket.
func (HTTP) Supports(r *http.Request) bool { return !websocket.IsWebSocketUpgrade(r) }

// problem is a request that cannot be a GraphQL request at all.
type problem struct {
	status        int
	code, message string
	allow         string
}

// Do answers one request.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	accepts := negotiate(r.Header.Values("Accept"))
	if !accepts.any() {
		refuse(w, typeJSON, &problem{status: http.StatusNotAcceptable, code: "INVALID",
			message: "none of the media types you accept is offered"})
		return
	}
	ctx := r.Context()
	params, bad := t.params(w, r)
	if bad != nil {
		refuse(w, accepts.document(), bad)
		return
	}
	operation, refused := create(graphql.StartOperationTrace(ctx), exec, params)
	switch {
	case refused != nil && accepts.stream(false):
		newEvents(w, t.WriteTimeout).complete(body(refused, false))
		return
	case refused != nil:
		write(w, accepts.document(), notExecuted[accepts.document()], refused, false)
		return
	}
	kind := operation.Operation.Operation
	switch {
	case r.Method == http.MethodGet && kind == ast.Mutation:
		refuse(w, accepts.document(), &problem{http.StatusMethodNotAllowed, "INVALID",
			"mutations want POST", http.MethodPost})
	case accepts.stream(kind == ast.Subscription):
		if leave, ok := t.admit(r, kind); ok {
			defer leave()
			t.stream(ctx, w, operation)
			return
		}
		w.Header().Set("Retry-After", retryAfter)
		refuse(w, accepts.document(), &problem{status: http.StatusServiceUnavailable, code: "UNAVAILABLE",
			message: "no more streams here at the moment"})
	case kind == ast.Subscription:
		refuse(w, accepts.document(), &problem{status: http.StatusBadRequest, code: "INVALID",
			message: "subscriptions want a WebSocket, or Accept: text/event-stream"})
	default:
		ctx, cancel := t.bound(ctx, operation)
		defer cancel()
		answer, status := operation.answer(ctx)
		write(w, accepts.document(), status, answer, true)
	}
}

// admit counts the stream of a subscription; other operations have ended soon.
func (t HTTP) admit(r *http.Request, kind ast.Operation) (leave func(), ok bool) {
	if t.Admit == nil || kind != ast.Subscription {
		return func() {}, true
	}
	return t.Admit(r)
}

// bound returns the context that an operation is to run in.
func (t HTTP) bound(
	ctx context.Context, operation created,
) (context.Context, context.CancelFunc) {
	if operation.Operation.Operation == ast.Subscription {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, t.Timeout)
}

// notExecuted is how a document that cannot be executed is answered, by media type: old clients look
// at the body only.
var notExecuted = map[string]int{
	typeJSON:     http.StatusOK,
	typeResponse: http.StatusBadRequest,
}

// Failed answers a request that none of the transports could, because of an error as clients are told it.
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

// The values of headers that never change. Whoever adds one gets a new slice.
var (
	contentTypes = map[string][]string{
		typeJSON:     {typeJSON + "; charset=utf-8"},
		typeResponse: {typeResponse + "; charset=utf-8"},
	}
	noSniff    = []string{"nosniff"}
	noStore    = []string{"no-store"}
	varyAccept = []string{"Accept"}
)

// buffers are for bodies on their way in and out.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const (
	// maxPooled is how many bytes a buffer has at most that is kept.
	maxPooled = 64 << 10
	// unbuffered is how many bytes net/http holds back of a body to say how many they are.
	unbuffered = 2 << 10
)

// withBuffer calls a function with an empty buffer, which it returns as it has become.
func withBuffer(use func(empty []byte) []byte) {
	buffer := buffers.Get().(*[]byte)
	if *buffer = use((*buffer)[:0]); cap(*buffer) <= maxPooled {
		buffers.Put(buffer)
	}
}

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
			h.Set("Content-Length", strconv.Itoa(len(text))) // it would go out in chunks
		}
		w.WriteHeader(status)
		_, _ = w.Write(text)
		return text
	})
}

func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID", message: message}
}

// params reads the operation that a request asks for.
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
		bad = &problem{http.StatusMethodNotAllowed, "INVALID", "GraphQL wants GET or POST", "GET, POST"}
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
	if !trusting(t.Origins)(r) {
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

// trusting returns a function that reports whether a request is by a page of our own origin or of one
// of some others, or by no page. What is a safe method to net/http opens a subscription here, in the
// name of whose cookie it is.
func trusting(origins []string) func(*http.Request) bool {
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		_ = protection.AddTrustedOrigin(origin) // one that is none trusts nobody
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
			message: "the body wants Content-Type: application/json"}
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

// undecoded says why decode has failed; with a message of ours where its error is not for people.
func undecoded(err error, message string) *problem {
	if errors.Is(err, errTooMuch) {
		message = "this JSON is too much: " + err.Error()
	}
	return badRequest(message)
}

// EncodedMessage tells clients that they compress in vain.
const EncodedMessage = "bodies are not taken compressed here: send this one without Content-Encoding"

// Encoded reports whether a request's body is compressed, or encoded otherwise: such a body is small, and what it
// decodes to is of any size.
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

// isJSON reports whether a Content-Type is JSON's, in UTF-8.
func isJSON(contentType string) bool {
	if contentType == typeJSON {
		return true
	}
	mediaType, options, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(options["charset"])
	return err == nil && mediaType == typeJSON && (charset == "" || charset == "utf-8")
}

// readAll reads a body, of which its sender says how many bytes it has, or -1, to the end of a buffer.
func readAll(body io.Reader, length int64, to []byte) ([]byte, error) {
	read := bytes.NewBuffer(slices.Grow(to, int(min(max(length, 0), 8<<10))+bytes.MinRead))
	_, err := read.ReadFrom(body)
	return read.Bytes(), err
}
