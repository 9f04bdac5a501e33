package graph

import (
	"context"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/graph/generated"
	"foyer/graph/transport"
	"foyer/internal/livekit"
	"foyer/meetings"
)

func (r *mutationResolver) MuteParticipant(ctx context.Context, input meetings.MuteInput) (*meetings.Muted, error) {
	return r.Meetings.Mute(ctx, input)
}

func (r *mutationResolver) MuteAllParticipants(ctx context.Context, input meetings.MuteAllInput) (*generated.MuteAllParticipantsPayload, error) {
	results, err := r.Meetings.MuteAll(ctx, input)
	return &generated.MuteAllParticipantsPayload{Results: results}, err
}

func (r *mutationResolver) UpdateParticipant(ctx context.Context, input meetings.UpdateInput) (*generated.UpdateParticipantPayload, error) {
	participant, err := r.Meetings.Update(ctx, input)
	return &generated.UpdateParticipantPayload{Participant: participant}, err
}

func (r *mutationResolver) RemoveParticipant(ctx context.Context, input meetings.RemoveInput) (*generated.RemoveParticipantPayload, error) {
	results, err := r.Meetings.Remove(ctx, input)
	return &generated.RemoveParticipantPayload{Results: results}, err
}

func (r *mutationResolver) LiftBan(ctx context.Context, input generated.LiftBanInput) (*generated.LiftBanPayload, error) {
	ban, err := r.Rooms.LiftBan(ctx, input.BanID)
	return &generated.LiftBanPayload{Ban: ban}, err
}

func (r *mutationResolver) ReturnToLobby(ctx context.Context, input meetings.ParticipantInput) (*generated.ReturnToLobbyPayload, error) {
	entry, err := r.Meetings.ReturnToLobby(ctx, input)
	return &generated.ReturnToLobbyPayload{Entry: entry}, err
}

func (r *mutationResolver) SetParticipantRole(ctx context.Context, input meetings.SetRoleInput) (*generated.SetParticipantRolePayload, error) {
	results, err := r.Meetings.SetRole(ctx, input)
	return &generated.SetParticipantRolePayload{Results: results}, err
}

func (r *mutationResolver) RaiseHand(ctx context.Context, input meetings.RaiseHandInput) (*generated.RaiseHandPayload, error) {
	since, err := r.Meetings.RaiseHand(ctx, input)
	return &generated.RaiseHandPayload{HandRaisedAt: since}, err
}

func (r *mutationResolver) RenameParticipant(ctx context.Context, input meetings.RenameInput) (*generated.RenameParticipantPayload, error) {
	participant, err := r.Meetings.Rename(ctx, input)
	return &generated.RenameParticipantPayload{Participant: participant}, err
}

func (r *mutationResolver) EndMeeting(ctx context.Context, input generated.EndMeetingInput) (*generated.EndMeetingPayload, error) {
	room, err := r.Meetings.End(ctx, input.RoomID)
	return &generated.EndMeetingPayload{Room: room}, err
}

func (r *mutationResolver) LockRoom(ctx context.Context, input generated.LockRoomInput) (*generated.LockRoomPayload, error) {
	room, err := r.Meetings.Lock(ctx, input.RoomID)
	return &generated.LockRoomPayload{Room: room}, err
}

func (r *mutationResolver) UnlockRoom(ctx context.Context, input generated.UnlockRoomInput) (*generated.UnlockRoomPayload, error) {
	room, err := r.Meetings.Unlock(ctx, input.RoomID)
	return &generated.UnlockRoomPayload{Room: room}, err
}

func (r *participantResolver) Role(ctx context.Context, obj *livekit.Participant) (*roomaccess.Role, error) {
	return roleOf(obj), nil
}

func (r *participantResolver) Attributes(ctx context.Context, obj *livekit.Participant) ([]*generated.ParticipantAttribute, error) {
	return attributesOf(obj), nil
}

func (r *participantPermissionResolver) PublishSources(ctx context.Context, obj *livekit.Permission) ([]schema.PublishSource, error) {
	return sourcesOf(obj.Sources), nil
}

func (r *roomResolver) Participants(ctx context.Context, obj *ent.Room, first *int, after *entgql.Cursor[uuid.UUID], ticket *string) (*meetings.Participants, error) {
	return r.Meetings.List(ctx, obj, ticket, first, after)
}

func (r *roomResolver) Bans(ctx context.Context, obj *ent.Room, first *int, after *entgql.Cursor[uuid.UUID]) (*ent.RoomBanConnection, error) {
	return r.Rooms.Bans(ctx, obj.ID, first, after)
}

func (r *subscriptionResolver) RoomStatus(ctx context.Context, roomID uuid.UUID, ticket *string) (<-chan *meetings.Status, error) {
	if err := r.countWatch(ctx, ticket); err != nil {
		return nil, err
	}
	in := meetings.WatchStatusInput{RoomID: roomID, Ticket: ticket}
	return r.Meetings.WatchStatus(ctx, in, transport.EndWith(ctx))
}

func (r *trackResolver) Source(ctx context.Context, obj *livekit.Track) (*schema.PublishSource, error) {
	return sourceOf(obj), nil
}

func (r *Resolver) Participant() generated.ParticipantResolver { return &participantResolver{r} }

func (r *Resolver) ParticipantPermission() generated.ParticipantPermissionResolver {
	return &participantPermissionResolver{r}
}

func (r *Resolver) Track() generated.TrackResolver { return &trackResolver{r} }

type (
	participantResolver           struct{ *Resolver }
	participantPermissionResolver struct{ *Resolver }
	trackResolver                 struct{ *Resolver }
)
