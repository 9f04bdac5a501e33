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
	// Credentials returns the viewer whom an Authorization header authenticates.
	Credentials func(ctx context.Context, header string) (auth.Viewer, error)
	// Life returns a context that ends when the credentials of a context's viewer do, and a function that frees it.
	Life func(context.Context) (context.Context, context.CancelFunc)
	// Origins are those besides our own whose pages may send requests.
	Origins []string
	// Introspection lets anybody read the schema.
	Introspection bool
	// Documents are the trusted documents; nil trusts any.
	Documents *query.Documents
	// Limits bound one operation.
	Limits query.Limits
	// MaxBody is how many bytes a request or a message may have.
	MaxBody int64
	// MaxSockets and SocketsPerAddress are how many WebSockets and event streams may be open, in total and from one
	// network address; 0 is any number.
	MaxSockets, SocketsPerAddress int
	// OperationsPerSocket is how many operations may run concurrently on one WebSocket.
	OperationsPerSocket int
	// OperationTimeout bounds queries and mutations.
	OperationTimeout time.Duration
	// OperationNames are those that metrics, traces and the log may contain, besides those of Documents.
	OperationNames []string
	// Metrics count operations, Traces have their spans; nil does not.
	Metrics *telemetry.Metrics
	Traces  *telemetry.Traces
}

const (
	// cachedDocuments is how many parsed and validated documents are cached, and how many documents that clients have
	// registered by their hash.
	cachedDocuments = 500
	// maxCached is how many bytes a document may have to be cached.
	maxCached = 16 << 10
	// operationsSignedOut is how many operations may run on a socket whose viewer is not signed in: a guest's
	// subscription, and a few others.
	operationsSignedOut = 10
	initTimeout         = 10 * time.Second
	pingInterval        = 20 * time.Second
	writeTimeout        = 10 * time.Second
)

// Handler serves the API over HTTP, server-sent events and graphql-transport-ws.
type Handler struct {
	exec        *executor.Executor
	socket      *transport.WebSocket
	http        transport.HTTP
	stopStreams context.CancelFunc
}

// NewHandler returns a Handler.
func NewHandler(r *Resolver, s Settings) *Handler {
	stopping, stop := context.WithCancel(context.Background())
	socket := newSocket(s)
	return &Handler{
		exec: s.executor(r), socket: socket, stopStreams: stop,
		http: transport.HTTP{
			Admit:   socket.AdmitStream,
			MaxBody: s.MaxBody, Timeout: s.OperationTimeout, WriteTimeout: writeTimeout,
			Heartbeat: pingInterval, Stopping: stopping, Life: s.Life, Origins: s.Origins,
		},
	}
}

// executor returns gqlgen's executor with our checks and interceptors.
func (s Settings) executor(r *Resolver) *executor.Executor {
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: r})
	exec := executor.New(direct{schema, r})
	checked := newCache[*ast.QueryDocument]()
	exec.SetQueryCache(checked)
	s.Limits.Known = func(ctx context.Context, text string) bool {
		_, known := checked.Get(ctx, text)
		return known
	}
	s.Limits.Lists = lists(schema.Schema())
	exec.SetParserTokenLimit(s.Limits.Tokens)
	s.observe(exec)
	if s.Documents != nil {
		exec.Use(s.Documents)
	}
	exec.Use(extension.AutomaticPersistedQuery{Cache: newCache[string]()})
	exec.Use(s.Limits)
	s.validateWith(exec, newInputs(s.Introspection))
	exec.AroundOperations(withinScopes)
	exec.AroundOperations(r.countMutations)
	exec.Use(plainly{})
	exec.SetErrorPresenter(presentError)
	exec.SetRecoverFunc(recoverPanic)
	return exec
}

// validateWith sets how documents and variables are validated.
func (s Settings) validateWith(exec *executor.Executor, inputs *query.Inputs) {
	exec.Use(inputs)
	if s.Introspection {
		exec.Use(extension.Introspection{})
	} else {
		exec.SetDisableSuggestion(true) // for fields; the rules suggest other names
	}
	exec.SetDefaultRulesFn(func() *rules.Rules { return validation(inputs) })
}

func newInputs(suggest bool) *query.Inputs {
	return &query.Inputs{Suggest: suggest, Scalars: map[string]func(any) error{
		"ID": parses(scalar.UnmarshalID), "@identity": parses(scalar.UnmarshalIdentity),
		"Cursor": parses(scalar.UnmarshalCursor),
	}}
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

// lists returns the names of the fields that have a "first".
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

// validation returns the rules of validation. They suggest names only if inputs does.
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

// parses returns a function that returns why a value cannot be parsed as a scalar.
func parses[T any](parse func(any) (T, error)) func(any) error {
	return func(value any) error {
		_, err := parse(value)
		return err
	}
}

// Sockets returns how many WebSockets are open.
func (h *Handler) Sockets() int { return h.socket.Open() }

// Drain refuses new WebSockets and ends the open ones, spread over a time, so that their clients connect to another
// server. It returns when all have ended, or with ctx's error.
func (h *Handler) Drain(ctx context.Context, spread time.Duration) error {
	h.stopStreams()
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

// openSession takes the viewer from a socket's first message if that has credentials, and otherwise from the header or
// cookie of the handshake. The socket ends when those credentials do.
func (s Settings) openSession(
	ctx context.Context, payload map[string]any,
) (transport.Session, error) {
	viewer, named := auth.FromContext(ctx), false
	for _, name := range []string{"Authorization", "authorization"} {
		header, given := payload[name].(string)
		if !given {
			continue
		}
		authenticated, err := s.Credentials(ctx, header)
		if fault.Is(err, fault.Unavailable) {
			return transport.Session{}, transport.ErrAway
		}
		if err != nil {
			return transport.Session{}, err
		}
		authenticated.Address = viewer.Address
		viewer, named = authenticated, true
		break
	}
	if viewer.IsApplication() {
		// An application's scopes are read with each request, and a socket is only one.
		return transport.Session{}, fault.New(fault.Forbidden, "applications ask over HTTP")
	}
	if named {
		ctx = auth.NewContext(ctx, viewer)
	}
	session := transport.Session{Lasts: viewer.ExpiresAt.IsZero()}
	if !viewer.SignedIn() {
		session.MaxOperations = operationsSignedOut
	}
	session.Context, session.Free = s.Life(ctx)
	return session, nil
}

// detach returns a context that has only the viewer and the request of another one: a socket keeps it long after its
// request.
func detach(ctx context.Context) context.Context {
	return auth.NewContext(telemetry.RequestOf(ctx).Context(), auth.FromContext(ctx))
}

// cache has the latest documents by their text or hash, but no long ones.
type cache[T any] struct{ *lru.LRU[T] }

func newCache[T any]() cache[T] { return cache[T]{lru.New[T](cachedDocuments)} }

func (c cache[T]) Add(ctx context.Context, key string, value T) {
	if text, isText := any(value).(string); len(key) <= maxCached && (!isText || len(text) <= maxCached) {
		c.LRU.Add(ctx, key, value)
	}
}
