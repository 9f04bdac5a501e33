package query

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"foyer/auth"
)

// scopeFields are the fields that each scope opens to applications, as Type.field. A field that is neither here nor in
// sharedFields is closed to applications, so a new field is closed until it is added.
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

// sharedFields are open with every scope: the fields of the objects that the scopes give access to.
var sharedFields = []string{
	"Room.id", "Room.slug", "Room.name", "Room.accessLevel", "Room.viewerRole", "Room.viewerCanJoin",
	"Room.configuration", "Room.createdAt", "Room.updatedAt",
	"RoomConfiguration.publishSources", "RoomConfiguration.everyoneCanMute",
	"RoomConfiguration.dataAllowed",
}

// OutsideScopes returns the first field of a selection, as Type.field, that scopes do not open; empty when they open
// all. Fragments are expanded. Fields of GraphQL's introspection are open.
func OutsideScopes(selection ast.SelectionSet, scopes []auth.Scope) string {
	return closedField(selection, openFields(scopes), map[string]bool{})
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

// closedField checks each fragment once: seen has those that were checked.
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
