package graph

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"foyer/auth"
	"foyer/internal/fault"
)

// scopeFields are the fields that each scope opens to applications, as Type.field. Any field that
// stands neither here nor among sharedFields is closed to them: a new one has to be added to be open.
var scopeFields = map[auth.Scope][]string{
	auth.RoomsCreate: {"Mutation.createRoom", "CreateRoomPayload.room"},
	auth.RoomsList: {
		"Query.rooms", "RoomConnection.edges", "RoomConnection.pageInfo", "RoomConnection.totalCount",
		"RoomEdge.node", "RoomEdge.cursor", "PageInfo.hasNextPage", "PageInfo.hasPreviousPage",
		"PageInfo.startCursor", "PageInfo.endCursor",
	},
	auth.RoomsRetrieve: {"Query.room", "Query.node", "Node.id"},
	auth.RoomsUpdate: {
		"Mutation.updateRoom", "UpdateRoomPayload.room", "UpdateRoomPayload.synced",
	},
	auth.RoomsDelete: {"Mutation.deleteRoom", "DeleteRoomPayload.room"},
}

// sharedFields are those of what the scopes lead to.
var sharedFields = []string{
	"Room.id", "Room.slug", "Room.name", "Room.accessLevel", "Room.viewerRole", "Room.viewerCanJoin",
	"Room.configuration", "Room.createdAt", "Room.updatedAt",
	"RoomConfiguration.publishSources", "RoomConfiguration.everyoneCanMute",
	"RoomConfiguration.dataAllowed",
}

// withinScopes refuses the operation of an application that asks for any field that its scopes do not
// open: none of it is run. Users' own operations pass.
func withinScopes(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	viewer := auth.FromContext(ctx)
	if !viewer.IsApplication() {
		return next(ctx)
	}
	operation := graphql.GetOperationContext(ctx).Operation
	closed := closedField(operation.SelectionSet, openFields(viewer.Scopes), map[string]bool{})
	if closed == "" {
		return next(ctx)
	}
	err := presentError(ctx, fault.New(fault.Forbidden, "this application may not use %s", closed))
	return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err}})
}

// openFields returns the fields that scopes open.
func openFields(scopes []auth.Scope) map[string]bool {
	open := map[string]bool{}
	for _, field := range sharedFields {
		open[field] = true
	}
	for _, scope := range scopes {
		for _, field := range scopeFields[scope] {
			open[field] = true
		}
	}
	return open
}

// closedField returns the first field of a selection that is not open, fragments expanded, each of
// which is looked at once; empty when all are open. What GraphQL itself tells of its types is.
func closedField(selection ast.SelectionSet, open, seen map[string]bool) string {
	for _, s := range selection {
		var closed string
		switch s := s.(type) {
		case *ast.Field:
			closed = closedIn(s, open, seen)
		case *ast.InlineFragment:
			closed = closedField(s.SelectionSet, open, seen)
		case *ast.FragmentSpread:
			if !seen[s.Name] {
				seen[s.Name] = true
				closed = closedField(s.Definition.SelectionSet, open, seen)
			}
		}
		if closed != "" {
			return closed
		}
	}
	return ""
}

func closedIn(field *ast.Field, open, seen map[string]bool) string {
	if strings.HasPrefix(field.Name, "__") {
		return ""
	}
	if name := field.ObjectDefinition.Name + "." + field.Name; !open[name] {
		return name
	}
	return closedField(field.SelectionSet, open, seen)
}
