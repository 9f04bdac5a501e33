// Package graph answers GraphQL operations. Each resolver makes one call of a package of rules.
package graph

import (
	"foyer/accounts"
	"foyer/auth"
	"foyer/graph/generated"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/notifications"
	"foyer/recordings"
	"foyer/rooms"
)

//go:generate go tool gqlgen generate

// Resolver holds what the resolvers call.
type Resolver struct {
	Accounts      *accounts.Service
	Rooms         *rooms.Service
	Lobby         *lobby.Service
	Meetings      *meetings.Service
	Recordings    *recordings.Service
	Notifications *notifications.Service
	// Sessions are those of the people who are signed in.
	Sessions *auth.Sessions
	// Offers are what this server can do.
	Offers Capabilities

	watchCounts watchCounts
}

// Capabilities are what a server can do, by its settings.
type Capabilities = generated.Capabilities
