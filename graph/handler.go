package graph

import (
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"foyer/auth"
	"foyer/graph/generated"
	"foyer/graph/query"
	"foyer/graph/scalar"
	"foyer/graph/transport"
	"foyer/internal/fault"
	"foyer/internal/telemetry"
)

// Settings of a Handler.
type Settings struct {
	// Credentials says who signs in with the value of an Authorization header.
	Credentials func(ctx context.Context, header string) (auth.Viewer, error)
	// Life returns a context that ends with the credential of a context's viewer, and a function that
	// frees it.
	Life func(context.Context) (context.Context, context.CancelFunc)
	// Origins are those beside our own whose pages may ask.
	Origins []string
	// Introspection tells anybody what the API offers.
	Introspection bool
	// Documents are the trusted ones; nil trusts any.
	Documents *query.Documents
	// Limits bound what one operation may ask for.
	Limits query.Limits
	// MaxBody is how many bytes a request or a message may have.
	MaxBody int64
	// MaxSockets and SocketsPerAddress are how many WebSockets and event streams may be open, in all and from one
	// network address; 0 is any number.
	MaxSockets, SocketsPerAddress int
	// OperationsPerSocket is how many operations may run on one WebSocket at once.
	OperationsPerSocket int
	// OperationTimeout bounds queries and mutations.
	OperationTimeout time.Duration
	// OperationNames are those that may be told of operations, beside those of Documents.
	OperationNames []string
	// Metrics count operations, Traces have spans of them; nil does not.
	Metrics *telemetry.Metrics
	Traces  *telemetry.Traces
}

const (
	// cachedDocuments is how many documents are kept of those that were parsed and checked, and as
	// many of those that clients have registered under their hash.
	cachedDocuments = 500
	// maxCached is how many bytes a document may have to be kept.
	maxCached = 16 << 10
	// strangersOperations is how many operations may run on the socket of somebody who is not signed in: what
	// a guest watches, and what is asked beside it.
	strangersOperations = 10
	initTimeout         = 10 * time.Second
	pingInterval        = 20 * time.Second
	writeTimeout        = 10 * time.Second
)

// Handler serves the API over HTTP, server-sent events and graphql-transport-ws.
type Handler struct {
	exec       *executor.Executor
	socket     *transport.WebSocket
	http       transport.HTTP
	stopStream context.CancelFunc
}

// NewHandler returns a Handler.
func NewHandler(r *Resolver, s Settings) *Handler {
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: r})
	h := executor.New(direct{schema, r})
	stopping, stop := context.WithCancel(context.Background())
	checked := newCache[*ast.QueryDocument]()
	h.SetQueryCache(checked)
	s.Limits.Known = func(ctx context.Context, query string) bool {
		_, known := checked.Get(ctx, query)
		return known
	}
	s.Limits.Lists = lists(schema.Schema())
	h.SetParserTokenLimit(s.Limits.Tokens)
	s.observe(h)
	if s.Documents != nil {
		h.Use(s.Documents)
	}
	h.Use(extension.AutomaticPersistedQuery{Cache: newCache[string]()})
	h.Use(s.Limits)
	inputs := &query.Inputs{Suggest: s.Introspection, Scalars: map[string]func(any) error{
		"ID": reads(scalar.UnmarshalID), "@identity": reads(scalar.UnmarshalIdentity),
		"Cursor": reads(scalar.UnmarshalCursor),
	}}
	h.Use(inputs)
	h.AroundOperations(withinScopes)
	h.AroundOperations(r.countMutations)
	h.Use(plainly{})
	if s.Introspection {
		h.Use(extension.Introspection{})
	} else {
		h.SetDisableSuggestion(true) // of fields; the rules have those of the rest
	}
	h.SetDefaultRulesFn(func() *rules.Rules { return validation(inputs) })
	h.SetErrorPresenter(presentError)
	h.SetRecoverFunc(recoverPanic)
	socket := newSocket(s)
	over := transport.HTTP{
		Admit:   socket.AdmitStream,
		MaxBody: s.MaxBody, Timeout: s.OperationTimeout, WriteTimeout: writeTimeout,
		Heartbeat: pingInterval, Stopping: stopping, Life: s.Life, Origins: s.Origins,
	}
	return &Handler{h, socket, over, stop}
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if reason := recover(); reason != nil {
			transport.Failed(w, r, h.exec.PresentRecoveredError(r.Context(), reason))
		}
	}()
	if h.socket.Supports(r) {
		h.socket.Do(w, r.WithContext(detach(r.Context())), h.exec)
		return
	}
	h.http.Do(w, r, h.exec)
}

// lists names the fields that take a "first".
func lists(schema *ast.Schema) map[string]bool {
	names := map[string]bool{}
	for _, definition := range schema.Types {
		for _, field := range definition.Fields {
			if field.Arguments.ForName("first") != nil {
				names[field.Name] = true
			}
		}
	}
	return names
}

// validation returns the rules of validation, of which none tells names that were not asked for where inputs does
// not.
func validation(inputs *query.Inputs) *rules.Rules {
	all := rules.NewDefaultRules()
	all.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, inputs.Rule)
	all.RemoveRule(rules.ProvidedRequiredArgumentsRule.Name)
	all.RemoveRule(rules.KnownArgumentNamesRule.Name)
	if !inputs.Suggest {
		all.ReplaceRule(rules.KnownTypeNamesRule.Name,
			rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	}
	return all
}

// reads returns what says why a scalar cannot be read from a value.
func reads[T any](read func(any) (T, error)) func(any) error {
	return func(value any) error {
		_, err := read(value)
		return err
	}
}

// Sockets is how many WebSockets are open.
func (h *Handler) Sockets() int { return h.socket.Open() }

// Drain refuses new WebSockets and ends the open ones, spread over a time, so that their clients go to
// another server. It returns when all have ended, or with ctx's error.
func (h *Handler) Drain(ctx context.Context, spread time.Duration) error {
	h.stopStream()
	return h.socket.Drain(ctx, spread)
}

func newSocket(s Settings) *transport.WebSocket {
	return transport.NewWebSocket(transport.WebSocketSettings{
		Init: s.openSession, Origins: s.Origins,
		Address:    func(r *http.Request) string { return auth.FromContext(r.Context()).Address },
		MaxMessage: s.MaxBody, MaxOperations: s.OperationsPerSocket,
		MaxSockets: s.MaxSockets, MaxPerAddress: s.SocketsPerAddress,
		InitTimeout: initTimeout, Ping: pingInterval, WriteTimeout: writeTimeout,
		Timeout: s.OperationTimeout,
	})
}

// openSession takes the viewer from the first message of a socket if it names one; else he is whom
// the handshake's header or cookie named. The socket ends with what was shown.
func (s Settings) openSession(
	ctx context.Context, payload map[string]any,
) (transport.Session, error) {
	viewer, named := auth.FromContext(ctx), false
	for _, name := range []string{"Authorization", "authorization"} {
		header, given := payload[name].(string)
		if !given {
			continue
		}
		shown, err := s.Credentials(ctx, header)
		if fault.Is(err, fault.Unavailable) {
			return transport.Session{}, transport.ErrAway
		}
		if err != nil {
			return transport.Session{}, err
		}
		shown.Address = viewer.Address
		viewer, named = shown, true
		break
	}
	if viewer.IsApplication() {
		// What it may do is looked up with each request, and a socket is but one.
		return transport.Session{}, fault.New(fault.Forbidden, "applications ask over HTTP")
	}
	if named {
		ctx = auth.NewContext(ctx, viewer)
	}
	session := transport.Session{Lasts: viewer.ExpiresAt.IsZero()}
	if !viewer.SignedIn() {
		session.MaxOperations = strangersOperations
	}
	session.Context, session.Free = s.Life(ctx)
	return session, nil
}

// detach returns a context that has the viewer and the request of another, and nothing else: a socket keeps it long after
// its request.
func detach(ctx context.Context) context.Context {
	return auth.NewContext(telemetry.RequestOf(ctx).Context(), auth.FromContext(ctx))
}

// cache keeps the latest documents by their text or hash, but none under a long key.
type cache[T any] struct{ *lru.LRU[T] }

func newCache[T any]() cache[T] { return cache[T]{lru.New[T](cachedDocuments)} }

func (c cache[T]) Add(ctx context.Context, key string, value T) {
	if text, isText := any(value).(string); len(key) <= maxCached && (!isText || len(text) <= maxCached) {
		c.LRU.Add(ctx, key, value)
	}
}
