package graph

import (
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/ent"
	"foyer/graph/generated"
	"foyer/graph/scalar"
	"foyer/internal/live"
	"foyer/internal/telemetry"
)

// direct answers the most frequent query itself: one room, with its own fields and its lobby. gqlgen prepares for
// anything (contexts, closures, fields that may fail, be null or be deferred), which takes a third of such a request's
// memory. direct calls the same resolvers, inside the same interceptors of operations. Everything else, such as
// fragments, directives and errors in arguments, is left to gqlgen.
type direct struct {
	graphql.ExecutableSchema

	resolvers generated.ResolverRoot
}

var plainLobby = plainType[live.Lobby]{
	name: "Lobby", satisfies: []string{"Lobby"},
	fields: map[string]func(to []byte, l *live.Lobby) []byte{
		"totalCount": func(to []byte, l *live.Lobby) []byte { return strconv.AppendInt(to, int64(l.TotalCount()), 10) },
		"message": func(to []byte, l *live.Lobby) []byte {
			if l.Message == nil {
				return append(to, "null"...)
			}
			return appendString(to, *l.Message)
		},
		"version": func(to []byte, l *live.Lobby) []byte { return strconv.AppendInt(to, int64(l.Version), 10) },
	},
}

// Exec runs the operation of a context.
func (d direct) Exec(ctx context.Context) graphql.ResponseHandler {
	asked := roomQuery(graphql.GetOperationContext(ctx))
	if asked == nil {
		return d.ExecutableSchema.Exec(ctx)
	}
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		return &graphql.Response{Data: d.answer(ctx, asked)}
	}
}

// askedRoom is a query for one room.
type askedRoom struct {
	field *ast.Field
	id    *uuid.UUID
	slug  *string
	// selected are the room's fields.
	selected plainSelection[ent.Room]
	// lobby is the selected lobby; nil when it is not selected.
	lobby *askedLobby
}

// askedLobby is a selected lobby. is has it once it has been read; nil when that failed.
type askedLobby struct {
	field    *ast.Field
	selected plainSelection[live.Lobby]
	is       *live.Lobby
}

// roomQuery returns an operation's query for a room; nil when gqlgen has to answer it.
func roomQuery(operation *graphql.OperationContext) *askedRoom {
	of := operation.Operation
	if of.Operation != ast.Query || len(of.Directives) > 0 || len(of.SelectionSet) != 1 {
		return nil
	}
	field, ok := of.SelectionSet[0].(*ast.Field)
	if !ok || field.Name != "room" || len(field.Directives) > 0 {
		return nil
	}
	asked := &askedRoom{field: field}
	if !asked.readArguments(operation.Variables) {
		return nil
	}
	asked.selected, ok = plainRoom.direct(field.SelectionSet, asked.selectLobby)
	if !ok {
		return nil
	}
	return asked
}

// readArguments reads the id or slug of the room, and reports whether it could.
func (a *askedRoom) readArguments(variables map[string]any) bool {
	for _, argument := range a.field.Arguments {
		text, ok := argument.Value.Raw, argument.Value.Kind == ast.StringValue
		if argument.Value.Kind == ast.Variable {
			text, ok = variables[argument.Value.Raw].(string)
		}
		if !ok {
			return false
		}
		if argument.Name == "slug" {
			a.slug = &text
			continue
		}
		id, err := scalar.UnmarshalID(text)
		if err != nil {
			return false
		}
		a.id = &id
	}
	return true
}

// selectLobby returns a function that writes the room's lobby; nil when gqlgen has to, as when it is selected twice.
func (a *askedRoom) selectLobby(field *ast.Field) func([]byte, *ent.Room) []byte {
	if field.Name != "lobby" || a.lobby != nil {
		return nil
	}
	asked := &askedLobby{field: field}
	var ok bool
	asked.selected, ok = plainLobby.direct(field.SelectionSet, selectEntries)
	if !ok {
		return nil
	}
	a.lobby = asked
	return func(to []byte, _ *ent.Room) []byte {
		if asked.is == nil {
			return append(to, "null"...)
		}
		return asked.selected.append(to, asked.is)
	}
}

// lists reports whether the lobby's entries are selected.
func (a *askedLobby) lists() bool {
	for _, selected := range a.field.SelectionSet {
		if selected.(*ast.Field).Name == "entries" { // plainType.direct has checked that all are fields
			return true
		}
	}
	return false
}

// selectEntries returns a function that writes a lobby's entries; nil when gqlgen has to.
func selectEntries(field *ast.Field) func([]byte, *live.Lobby) []byte {
	if field.Name != "entries" {
		return nil
	}
	selected, ok := plainLobbyEntry.direct(field.SelectionSet, nil)
	if !ok {
		return nil
	}
	return func(to []byte, l *live.Lobby) []byte { return selected.appendList(to, l.Entries) }
}

// direct returns the selected fields; false when gqlgen has to write them, as when one is selected twice. other returns
// the writers of fields that are not plain.
func (p *plainType[T]) direct(
	set ast.SelectionSet, other func(*ast.Field) func([]byte, *T) []byte,
) (plainSelection[T], bool) {
	selection := make(plainSelection[T], len(set))
	for i, selected := range set {
		field, ok := selected.(*ast.Field)
		if !ok || len(field.Directives) > 0 {
			return nil, false
		}
		write := p.writer(field.Name)
		if write == nil && other != nil {
			write = other(field)
		}
		if write == nil {
			return nil, false
		}
		for _, earlier := range set[:i] {
			if earlier.(*ast.Field).Alias == field.Alias {
				return nil, false
			}
		}
		selection[i].key, selection[i].write = field.Alias, write
	}
	return selection, true
}

// answer reads the room and its lobby, and writes the response's data.
func (d direct) answer(ctx context.Context, asked *askedRoom) []byte {
	to := append(append(append(make([]byte, 0, 256), `{"`...), asked.field.Alias...), `":`...)
	room, ctx := resolved(ctx, "Query.room", []*ast.Field{asked.field},
		func(ctx context.Context) (*ent.Room, error) {
			return d.resolvers.Query().Room(ctx, asked.id, asked.slug)
		})
	if room == nil {
		return append(to, "null}"...)
	}
	if asked.lobby != nil {
		asked.lobby.is, _ = resolved(ctx, "Room.lobby", []*ast.Field{asked.field, asked.lobby.field},
			func(ctx context.Context) (*live.Lobby, error) {
				if !asked.lobby.lists() {
					// So that the resolver sees what is selected.
					ctx = within(ctx, []*ast.Field{asked.field, asked.lobby.field})
				}
				return d.resolvers.Room().Lobby(ctx, room)
			})
	}
	return append(asked.selected.append(to, room), '}')
}

// resolved calls a resolver. It returns the result, or nil when the resolver failed, and a context for resolvers inside
// the result. fields are the path: an error is added for the last of them, as gqlgen does.
func resolved[T any](
	ctx context.Context, name string, fields []*ast.Field, resolve func(context.Context) (*T, error),
) (result *T, inner context.Context) {
	inner, span := telemetry.Begin(ctx, name)
	defer span.End()
	defer func() {
		if reason := recover(); reason != nil {
			at := within(inner, fields)
			graphql.AddError(at, graphql.GetOperationContext(at).Recover(at, reason))
			result = nil
		}
	}()
	result, err := resolve(inner)
	if err != nil {
		telemetry.Failed(span, err)
		at := within(inner, fields)
		graphql.AddError(at, graphql.AddFieldLocationToError(at, err))
		return nil, inner
	}
	return result, inner
}

// within returns the context that gqlgen would have for the last field of a path.
func within(ctx context.Context, fields []*ast.Field) context.Context {
	for _, field := range fields {
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{
			Object: field.ObjectDefinition.Name, IsMethod: true, IsResolver: true, Args: map[string]any{},
			Field: graphql.CollectedField{Field: field, Selections: field.SelectionSet},
		})
	}
	return ctx
}
