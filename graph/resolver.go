// Package graph answers GraphQL operations. A resolver makes one call of a rule.
package graph

import (
	"foyer/accounts"
	"foyer/auth"
	"foyer/graph/generated"
	"foyer/invitations"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/recordings"
	"foyer/rooms"
)

//go:generate go tool gqlgen generate

// Resolver holds what the resolvers call.
type Resolver struct {
	Accounts    *accounts.Service
	Rooms       *rooms.Service
	Lobby       *lobby.Service
	Calls       *meetings.Service
	Recordings  *recordings.Recordings
	Invitations *invitations.Service
	// Sessions are where people are signed in.
	Sessions *auth.Sessions
	// Offers is what this server is able to do.
	Offers Capabilities

	follows follows
}

// Capabilities are what a server offers, by its settings.
type Capabilities = generated.Capabilities
