package graph

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"foyer/ent/database"
	"foyer/ent/roomaccess"
	"foyer/graph/query"
	"foyer/internal/fault"
	"foyer/internal/telemetry"
)

// presentError returns what a client may know of an error: its kind, message and details. For an error without a kind
// that is only a request id, under which the log has the rest. Errors of the GraphQL library pass, because they concern
// the query alone.
func presentError(ctx context.Context, err error) *gqlerror.Error {
	path := graphql.GetPath(ctx)
	gql, wrapped := errors.AsType[*gqlerror.Error](err)
	switch {
	case wrapped && gql.Unwrap() == nil:
		shown := present(libraryFault(ctx, gql), gql.Path)
		shown.Locations = gql.Locations
		return shown
	case argumentsUnread(ctx):
		return present(argumentFault(err, gql), path)
	case schemaHidden(ctx):
		return present(fault.New(fault.Forbidden, "introspection is off here"), path)
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal && timeIsUp(ctx, err) {
		return present(fault.New(fault.Unavailable, "this took too long"), path)
	}
	if f.Kind == fault.Internal && database.Away(err) {
		f = fault.From(err, fault.Unavailable, "our database cannot be reached; try again soon")
	}
	switch f.Kind {
	case fault.Internal:
		f = f.With("requestId", requestID(ctx))
		slog.ErrorContext(ctx, "a resolver failed",
			"path", path.String(), "requestId", f.Details["requestId"], "err", err)
	case fault.Unavailable:
		slog.WarnContext(ctx, "something is away", "path", path.String(), "err", err)
	}
	return present(f, path)
}

// requestID returns the id of a context's HTTP request, or a new one.
func requestID(ctx context.Context) string {
	if r := telemetry.RequestOf(ctx); r != nil {
		return r.ID
	}
	return uuid.NewString()
}

func present(f *fault.Error, path ast.Path) *gqlerror.Error {
	f = f.With("code", f.Kind)
	return &gqlerror.Error{Message: f.Message, Path: path, Extensions: f.Details}
}

// persistedQueryNotFound is the code after which a client sends the document of a hash.
const persistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND"

// libraryFault gives the library's error about a query or its variables our code.
func libraryFault(ctx context.Context, err *gqlerror.Error) *fault.Error {
	f := fault.New(fault.Invalid, "%s", shortened(err.Message))
	if err.Extensions["code"] == persistedQueryNotFound {
		f.Kind = persistedQueryNotFound
	}
	if field, named := err.Extensions["field"]; named {
		return f.With("field", field)
	}
	if len(err.Path) > 1 && err.Path[0] == ast.PathName("variable") {
		return f.With("field", fieldOf(ctx, err.Path[1:]))
	}
	return f
}

// fieldOf returns the innermost name of a path that begins with a variable. If the path has only the variable, it is
// the place where that is used.
func fieldOf(ctx context.Context, path ast.Path) string {
	isName := func(element ast.PathElement) bool { _, is := element.(ast.PathName); return is }
	field := fieldName(path)
	if !slices.ContainsFunc(path[1:], isName) && graphql.HasOperationContext(ctx) {
		asked := graphql.GetOperationContext(ctx)
		return cmp.Or(query.PlaceOf(asked.Doc, asked.Operation, field), field)
	}
	return field
}

// maxMessage is how many bytes of the library's message a client sees: it may repeat what was sent.
const maxMessage = 500

func shortened(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}

// argumentsUnread reports whether the arguments of a field could not be parsed: the field has some, but gqlgen has none
// yet.
func argumentsUnread(ctx context.Context) bool {
	field := graphql.GetFieldContext(ctx)
	return field != nil && field.Field.Field != nil && field.Field.Definition != nil &&
		len(field.Field.Definition.Arguments) > 0 && field.Args == nil
}

// schemaHidden reports whether a field that reads the schema failed, as it does when introspection is off.
func schemaHidden(ctx context.Context) bool {
	field := graphql.GetFieldContext(ctx)
	return field != nil && field.Field.Field != nil && graphql.HasOperationContext(ctx) &&
		graphql.GetOperationContext(ctx).DisableIntrospection &&
		(field.Field.Name == "__schema" || field.Field.Name == "__type")
}

// timeIsUp reports whether an operation failed because it took too long, or because its client disconnected.
func timeIsUp(ctx context.Context, err error) bool {
	return ctx.Err() != nil &&
		(errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled))
}

// argumentFault names a bad argument. The errors of Go's parsers are not for people.
func argumentFault(err error, at *gqlerror.Error) *fault.Error {
	f := fault.Of(err)
	if f.Kind != fault.Invalid {
		f = fault.New(fault.Invalid, "this argument is not valid")
	}
	if at != nil {
		f = f.With("field", fieldName(at.Path))
	}
	return f
}

// fieldName returns the innermost name of a path.
func fieldName(path ast.Path) string {
	for _, element := range slices.Backward(path) {
		if name, ok := element.(ast.PathName); ok {
			return string(name)
		}
	}
	return ""
}

// recoverPanic turns a panic of a resolver into an internal error.
func recoverPanic(ctx context.Context, reason any) error {
	slog.ErrorContext(ctx, "a resolver panicked", "reason", reason, "stack", string(debug.Stack()))
	return errors.New("panic")
}

func orNull(role roomaccess.Role) *roomaccess.Role {
	if role == "" {
		return nil
	}
	return &role
}
