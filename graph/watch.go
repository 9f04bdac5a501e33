package graph

import (
	"context"

	"foyer/graph/transport"
	"foyer/lobby"
)

// watchEntry watches an entry without a goroutine where the transport can.
func (r *Resolver) watchEntry(ctx context.Context, ticket string) (<-chan *lobby.Entry, error) {
	return transport.Watch(ctx,
		func(wake func()) (transport.Source, error) {
			w, err := r.Lobby.OpenEntry(ctx, ticket, wake)
			if err != nil {
				return nil, err
			}
			return entrySource{w}, nil
		},
		func() (<-chan *lobby.Entry, error) { return r.Lobby.WatchEntry(ctx, ticket) })
}

type entrySource struct{ *lobby.EntryWatch }

// Next is for the transport.
func (s entrySource) Next(ctx context.Context) (any, error) {
	if e := s.EntryWatch.Next(ctx); e != nil {
		return e, nil
	}
	return nil, nil //nolint:nilnil // as Source has it
}
