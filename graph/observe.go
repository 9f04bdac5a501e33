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

// observe has a handler's operations counted and traced.
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
	told := toldOf(names)
	if s.Traces != nil {
		h.Use(tracing{s.Traces, told})
	}
	h.Use(counting{s.Metrics, told})
}

// codeOK is that of an operation without errors.
const codeOK = "OK"

// knownCodes are those of errors that are told as they are.
var knownCodes = []string{
	string(fault.Invalid), string(fault.Unauthenticated), string(fault.Forbidden),
	string(fault.NotFound), string(fault.Conflict), string(fault.LobbyRequired),
	string(fault.RateLimited), string(fault.Unavailable), string(fault.Internal),
	persistedQueryNotFound,
}

// codeOf returns the code of an answer's first error. No answer at all is one that took too long.
func codeOf(answer *graphql.Response) string {
	if answer == nil {
		return string(fault.Unavailable)
	}
	if len(answer.Errors) == 0 {
		return codeOK
	}
	code := answer.Errors[0].Extensions["code"]
	if kind, ok := code.(fault.Kind); ok {
		code = string(kind)
	}
	if text, ok := code.(string); ok && slices.Contains(knownCodes, text) {
		return text
	}
	return string(fault.Internal)
}

// toldOf returns a function that says what may be told of an operation: its name if it is one
// of some, and its root field, which the schema knows.
func toldOf(names map[string]bool) func(*graphql.OperationContext) telemetry.Operation {
	return func(o *graphql.OperationContext) telemetry.Operation {
		told := telemetry.Operation{Name: telemetry.Other, Field: "none"}
		if o == nil || o.Operation == nil {
			return told // it was not understood, or not allowed
		}
		if names[o.Operation.Name] {
			told.Name = o.Operation.Name
		}
		told.Field = rootField(o.Operation.SelectionSet, "")
		return told
	}
}

// severalFields stands for the root fields of an operation that has more than one.
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
	told    func(*graphql.OperationContext) telemetry.Operation
}

// ExtensionName names the extension to gqlgen.
func (counting) ExtensionName() string { return "Counting" }

// Validate accepts any schema.
func (counting) Validate(graphql.ExecutableSchema) error { return nil }

type countedKey struct{}

// InterceptOperation counts an operation that is run, by its first answer.
func (c counting) InterceptOperation(
	ctx context.Context, next graphql.OperationHandler,
) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	told := c.told(operation)
	if transport.IsEvent(ctx) {
		c.metrics.Pushed(told.Field)
		return next(context.WithValue(ctx, countedKey{}, true))
	}
	telemetry.RequestOf(ctx).Ran(told)
	answers := next(context.WithValue(ctx, countedKey{}, true))
	if operation.Operation.Operation == ast.Subscription {
		return c.subscription(ctx, told, answers)
	}
	var once sync.Once
	return func(ctx context.Context) *graphql.Response {
		answer := answers(ctx)
		once.Do(func() {
			c.metrics.Operation(told, codeOf(answer))
			c.metrics.Took(told, time.Since(operation.Stats.OperationStart))
		})
		return answer
	}
}

// subscription counts one that runs until its transport ends it.
func (c counting) subscription(
	ctx context.Context, told telemetry.Operation, answers graphql.ResponseHandler,
) graphql.ResponseHandler {
	c.metrics.Subscribed(told.Field, 1)
	metrics, field := c.metrics, told.Field // what the end needs, and no more
	transport.AtEnd(ctx, func() { metrics.Subscribed(field, -1) })
	first := true
	return func(ctx context.Context) *graphql.Response {
		answer := answers(ctx)
		if first && answer != nil {
			c.metrics.Operation(told, codeOf(answer))
		}
		if answer != nil && (!first || !refused(answer)) {
			c.metrics.Pushed(told.Field)
		}
		first = false
		return answer
	}
}

// refused reports whether an answer has errors and no data.
func refused(answer *graphql.Response) bool {
	return len(answer.Errors) > 0 && (len(answer.Data) == 0 || string(answer.Data) == "null")
}

// InterceptResponse counts operations that are refused before they are run, and the errors that end
// them afterwards.
func (c counting) InterceptResponse(
	ctx context.Context, next graphql.ResponseHandler,
) *graphql.Response {
	answer := next(ctx)
	if ctx.Value(countedKey{}) == nil && graphql.HasOperationContext(ctx) {
		c.metrics.Operation(c.told(graphql.GetOperationContext(ctx)), codeOf(answer))
	}
	return answer
}

// tracing has a span of each operation, and of each resolver that does some work.
type tracing struct {
	traces *telemetry.Traces
	told   func(*graphql.OperationContext) telemetry.Operation
}

// ExtensionName names the extension to gqlgen.
func (tracing) ExtensionName() string { return "Tracing" }

// Validate accepts any schema.
func (tracing) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation has a span until the first answer: a subscription's would last for hours. What is
// pushed afterwards has traces of its own.
func (t tracing) InterceptOperation(
	ctx context.Context, next graphql.OperationHandler,
) graphql.ResponseHandler {
	if transport.IsEvent(ctx) {
		return next(ctx)
	}
	operation := graphql.GetOperationContext(ctx)
	told, kind := t.told(operation), string(operation.Operation.Operation)
	name := told.Name
	if name == telemetry.Other {
		name = told.Field
	}
	ctx, span := t.traces.Start(ctx, kind+" "+name, trace.WithAttributes(
		attribute.String("graphql.operation.type", kind),
		attribute.String("graphql.operation.name", told.Name),
		attribute.String("graphql.operation.field", told.Field)))
	answers := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		defer span.End()
		answer := answers(ctx)
		if span.IsRecording() {
			endWith(span, codeOf(answer))
		}
		return answer
	}
}

// endWith notes with which code an operation has ended. What is the client's to mend is no error here.
func endWith(span trace.Span, code string) {
	span.SetAttributes(attribute.String("foyer.code", code))
	if code == string(fault.Internal) || code == string(fault.Unavailable) {
		span.SetStatus(codes.Error, "")
	}
}

// effortless are the types whose resolvers only show what is there already.
var effortless = []string{"Participant", "ParticipantPermission", "Track"}

// InterceptField has a span of a resolver's work. Of a subscription's it has not: its source is the
// operation, and what a push needs belongs to the push.
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
