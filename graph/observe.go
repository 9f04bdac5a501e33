package graph

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"foyer/graph/transport"
	"foyer/internal/fault"
	"foyer/internal/telemetry"
)

// observe has operations counted and traced.
func (s Settings) observe(h *executor.Executor) {
	names := map[string]bool{}
	for _, name := range s.OperationNames {
		names[name] = true
	}
	if s.Documents != nil {
		for _, name := range s.Documents.OperationNames() {
			names[name] = true
		}
	}
	name := namesOf(names)
	if s.Traces != nil {
		h.Use(tracing{s.Traces, name})
	}
	h.Use(counting{s.Metrics, name})
}

// codeOK is the code of an operation without errors.
const codeOK = "OK"

// knownCodes are the codes that metrics and traces may contain.
var knownCodes = []string{
	string(fault.Invalid), string(fault.Unauthenticated), string(fault.Forbidden),
	string(fault.NotFound), string(fault.Conflict), string(fault.LobbyRequired),
	string(fault.RateLimited), string(fault.Unavailable), string(fault.Internal),
	persistedQueryNotFound,
}

// codeOf returns the code of a response's first error. An operation without a response took too long.
func codeOf(response *graphql.Response) string {
	if response == nil {
		return string(fault.Unavailable)
	}
	if len(response.Errors) == 0 {
		return codeOK
	}
	code := response.Errors[0].Extensions["code"]
	if kind, ok := code.(fault.Kind); ok {
		code = string(kind)
	}
	if text, ok := code.(string); ok && slices.Contains(knownCodes, text) {
		return text
	}
	return string(fault.Internal)
}

// namesOf returns a function that names an operation for metrics, traces and the log: by its name if that is one of
// some, and by its root field.
func namesOf(names map[string]bool) func(*graphql.OperationContext) telemetry.Operation {
	return func(o *graphql.OperationContext) telemetry.Operation {
		named := telemetry.Operation{Name: telemetry.Other, Field: "none"}
		if o == nil || o.Operation == nil {
			return named // it could not be parsed, or was refused
		}
		if names[o.Operation.Name] {
			named.Name = o.Operation.Name
		}
		named.Field = rootField(o.Operation.SelectionSet, "")
		return named
	}
}

// severalFields stands for the root fields of an operation with more than one.
const severalFields = "several"

func rootField(selection ast.SelectionSet, found string) string {
	for _, s := range selection {
		name := ""
		switch s := s.(type) {
		case *ast.Field:
			name = s.Name
		case *ast.InlineFragment:
			name = rootField(s.SelectionSet, found)
		case *ast.FragmentSpread:
			name = rootField(s.Definition.SelectionSet, found)
		}
		if found != "" && name != "" && name != found {
			return severalFields
		}
		found = name
	}
	return found
}

// counting counts operations.
type counting struct {
	metrics *telemetry.Metrics
	name    func(*graphql.OperationContext) telemetry.Operation
}

// ExtensionName names the extension to gqlgen.
func (counting) ExtensionName() string { return "Counting" }

// Validate accepts any schema.
func (counting) Validate(graphql.ExecutableSchema) error { return nil }

type countedKey struct{}

// InterceptOperation counts an operation that runs, by its first response.
func (c counting) InterceptOperation(
	ctx context.Context, next graphql.OperationHandler,
) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	named := c.name(operation)
	if transport.IsEvent(ctx) {
		c.metrics.Pushed(named.Field)
		return next(context.WithValue(ctx, countedKey{}, true))
	}
	telemetry.RequestOf(ctx).Ran(named)
	responses := next(context.WithValue(ctx, countedKey{}, true))
	if operation.Operation.Operation == ast.Subscription {
		return c.subscription(ctx, named, responses)
	}
	var once sync.Once
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		once.Do(func() {
			c.metrics.Operation(named, codeOf(response))
			c.metrics.Took(named, time.Since(operation.Stats.OperationStart))
		})
		return response
	}
}

// subscription counts a subscription, which runs until its transport ends it.
func (c counting) subscription(
	ctx context.Context, named telemetry.Operation, responses graphql.ResponseHandler,
) graphql.ResponseHandler {
	c.metrics.Subscribed(named.Field, 1)
	metrics, field := c.metrics, named.Field // AtEnd keeps no more than these
	transport.AtEnd(ctx, func() { metrics.Subscribed(field, -1) })
	first := true
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if first && response != nil {
			c.metrics.Operation(named, codeOf(response))
		}
		if response != nil && (!first || !refused(response)) {
			c.metrics.Pushed(named.Field)
		}
		first = false
		return response
	}
}

// refused reports whether a response has errors and no data.
func refused(response *graphql.Response) bool {
	return len(response.Errors) > 0 && (len(response.Data) == 0 || string(response.Data) == "null")
}

// InterceptResponse counts operations that are refused before they run, and errors that end an operation later.
func (c counting) InterceptResponse(
	ctx context.Context, next graphql.ResponseHandler,
) *graphql.Response {
	response := next(ctx)
	if ctx.Value(countedKey{}) == nil && graphql.HasOperationContext(ctx) {
		c.metrics.Operation(c.name(graphql.GetOperationContext(ctx)), codeOf(response))
	}
	return response
}

// tracing makes a span for each operation, and for each resolver that does some work.
type tracing struct {
	traces *telemetry.Traces
	name   func(*graphql.OperationContext) telemetry.Operation
}

// ExtensionName names the extension to gqlgen.
func (tracing) ExtensionName() string { return "Tracing" }

// Validate accepts any schema.
func (tracing) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation makes a span that ends with the first response: a subscription's would last for hours. Its later
// states have traces of their own.
func (t tracing) InterceptOperation(
	ctx context.Context, next graphql.OperationHandler,
) graphql.ResponseHandler {
	if transport.IsEvent(ctx) {
		return next(ctx)
	}
	operation := graphql.GetOperationContext(ctx)
	named, kind := t.name(operation), string(operation.Operation.Operation)
	name := named.Name
	if name == telemetry.Other {
		name = named.Field
	}
	ctx, span := t.traces.Start(ctx, kind+" "+name, trace.WithAttributes(
		attribute.String("graphql.operation.type", kind),
		attribute.String("graphql.operation.name", named.Name),
		attribute.String("graphql.operation.field", named.Field)))
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		defer span.End()
		response := responses(ctx)
		if span.IsRecording() {
			setCode(span, codeOf(response))
		}
		return response
	}
}

// setCode sets the code of an operation's span. Only faults of our own mark it as an error.
func setCode(span trace.Span, code string) {
	span.SetAttributes(attribute.String("foyer.code", code))
	if code == string(fault.Internal) || code == string(fault.Unavailable) {
		span.SetStatus(codes.Error, "")
	}
}

// effortless are the types whose resolvers only convert values.
var effortless = []string{"Participant", "ParticipantPermission", "Track"}

// InterceptField makes a span for a resolver's work, except a subscription's: opening its source is the operation
// itself, and later states have traces of their own.
func (t tracing) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if !field.IsResolver || slices.Contains(effortless, field.Object) ||
		graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	ctx, span := telemetry.Begin(ctx, field.Object+"."+field.Field.Name)
	defer span.End()
	result, err := next(ctx)
	telemetry.Failed(span, err)
	return result, err
}
