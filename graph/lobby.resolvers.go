package graph

import (
	"context"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/graph/generated"
	"foyer/graph/transport"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
)

func (r *entryResolver) ConnectionDetails(ctx context.Context, obj *live.Entry) (*livekit.Details, error) {
	return r.Lobby.ConnectionDetails(ctx, obj)
}

func (r *mutationResolver) RequestEntry(ctx context.Context, input lobby.RequestEntryInput) (*lobby.Request, error) {
	return r.Lobby.RequestEntry(ctx, input)
}

func (r *mutationResolver) CancelEntry(ctx context.Context, input generated.CancelEntryInput) (*generated.CancelEntryPayload, error) {
	entry, err := r.Lobby.Cancel(ctx, input.Ticket)
	return &generated.CancelEntryPayload{Entry: entry}, err
}

func (r *mutationResolver) AdmitEntry(ctx context.Context, input lobby.DecideInput) (*generated.AdmitEntryPayload, error) {
	entry, err := r.Lobby.Admit(ctx, input)
	return &generated.AdmitEntryPayload{Entry: entry}, err
}

func (r *mutationResolver) DenyEntry(ctx context.Context, input meetings.DenyInput) (*generated.DenyEntryPayload, error) {
	entry, err := r.Meetings.Deny(ctx, input)
	return &generated.DenyEntryPayload{Entry: entry}, err
}

func (r *mutationResolver) AdmitAllEntries(ctx context.Context, input lobby.AdmitAllInput) (*generated.AdmitAllEntriesPayload, error) {
	entries, err := r.Lobby.AdmitAll(ctx, input)
	return &generated.AdmitAllEntriesPayload{Entries: entries}, err
}

func (r *mutationResolver) DenyAllEntries(ctx context.Context, input meetings.DenyAllInput) (*generated.DenyAllEntriesPayload, error) {
	entries, err := r.Meetings.DenyAll(ctx, input)
	return &generated.DenyAllEntriesPayload{Entries: entries}, err
}

func (r *mutationResolver) SetLobbyMessage(ctx context.Context, input lobby.SetMessageInput) (*generated.SetLobbyMessagePayload, error) {
	lobby, err := r.Lobby.SetMessage(ctx, input)
	return &generated.SetLobbyMessagePayload{Lobby: lobby}, err
}

func (r *roomResolver) Lobby(ctx context.Context, obj *ent.Room) (*live.Lobby, error) {
	if !selects(ctx, "entries") {
		return r.Resolver.Lobby.Count(ctx, obj.ID)
	}
	return r.Resolver.Lobby.Get(ctx, obj.ID)
}

func (r *subscriptionResolver) Entry(ctx context.Context, ticket string) (<-chan *live.Entry, error) {
	return r.watchEntry(ctx, ticket)
}

func (r *subscriptionResolver) Lobby(ctx context.Context, roomID uuid.UUID) (<-chan *live.Lobby, error) {
	if err := r.countWatch(ctx, nil); err != nil {
		return nil, err
	}
	return r.Resolver.Lobby.WatchLobby(ctx, roomID, transport.EndWith(ctx))
}

func (r *Resolver) Entry() generated.EntryResolver { return &entryResolver{r} }

type entryResolver struct{ *Resolver }
