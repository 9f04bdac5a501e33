package graph

import (
	"context"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/graph/generated"
	"foyer/recordings"
)

func (r *mutationResolver) StartRecording(ctx context.Context, input recordings.StartInput) (*generated.StartRecordingPayload, error) {
	recording, err := r.Resolver.Recordings.Start(ctx, input)
	return &generated.StartRecordingPayload{Recording: recording}, err
}

func (r *mutationResolver) StopRecording(ctx context.Context, input generated.StopRecordingInput) (*generated.StopRecordingPayload, error) {
	recording, err := r.Resolver.Recordings.Stop(ctx, input.RoomID)
	return &generated.StopRecordingPayload{Recording: recording}, err
}

func (r *mutationResolver) DeleteRecording(ctx context.Context, input generated.DeleteRecordingInput) (*generated.DeleteRecordingPayload, error) {
	err := r.Resolver.Recordings.Delete(ctx, input.RecordingID)
	return &generated.DeleteRecordingPayload{RecordingID: input.RecordingID}, err
}

func (r *mutationResolver) ShareRecording(ctx context.Context, input recordings.ShareInput) (*generated.ShareRecordingPayload, error) {
	recording, err := r.Resolver.Recordings.Share(ctx, input)
	return &generated.ShareRecordingPayload{Recording: recording}, err
}

func (r *mutationResolver) UnshareRecording(ctx context.Context, input generated.UnshareRecordingInput) (*generated.UnshareRecordingPayload, error) {
	recording, err := r.Resolver.Recordings.Unshare(ctx, input.RecordingID, input.UserID)
	return &generated.UnshareRecordingPayload{Recording: recording}, err
}

func (r *queryResolver) Recording(ctx context.Context, id uuid.UUID) (*ent.Recording, error) {
	return r.Resolver.Recordings.Get(ctx, id)
}

func (r *queryResolver) Recordings(ctx context.Context, first *int, after *entgql.Cursor[uuid.UUID], roomID *uuid.UUID) (*ent.RecordingConnection, error) {
	return r.Resolver.Recordings.List(ctx, roomID, first, after)
}

func (r *recordingResolver) Room(ctx context.Context, obj *ent.Recording) (*ent.Room, error) {
	return r.Recordings.Room(ctx, obj)
}

func (r *recordingResolver) Reason(ctx context.Context, obj *ent.Recording) (*string, error) {
	return orNone(obj.Reason), nil
}

func (r *recordingResolver) Transcribe(ctx context.Context, obj *ent.Recording) (bool, error) {
	return obj.Options.Transcribe, nil
}

func (r *recordingResolver) Language(ctx context.Context, obj *ent.Recording) (*string, error) {
	return orNone(obj.Options.Language), nil
}

func (r *recordingResolver) IsExpired(ctx context.Context, obj *ent.Recording) (bool, error) {
	return recordings.Expired(obj), nil
}

func (r *recordingResolver) Size(ctx context.Context, obj *ent.Recording) (*float64, error) {
	return scaled(obj.Size, 1), nil
}

func (r *recordingResolver) Duration(ctx context.Context, obj *ent.Recording) (*float64, error) {
	return scaled(obj.Duration, 1000), nil // it is in ms
}

func (r *recordingResolver) URL(ctx context.Context, obj *ent.Recording) (*string, error) {
	return r.Recordings.URL(obj), nil
}

func (r *recordingResolver) DownloadURL(ctx context.Context, obj *ent.Recording) (*string, error) {
	return r.Recordings.DownloadURL(ctx, obj)
}

func (r *recordingResolver) CanDelete(ctx context.Context, obj *ent.Recording) (bool, error) {
	return r.Recordings.CanDelete(ctx, obj)
}

func (r *recordingResolver) SharedWith(ctx context.Context, obj *ent.Recording) ([]*ent.User, error) {
	return r.Recordings.SharedWith(ctx, obj)
}

func (r *roomResolver) Recordings(ctx context.Context, obj *ent.Room, first *int, after *entgql.Cursor[uuid.UUID]) (*ent.RecordingConnection, error) {
	return r.Resolver.Recordings.OfRoom(ctx, obj.ID, first, after)
}

func (r *roomResolver) ActiveRecording(ctx context.Context, obj *ent.Room) (*ent.Recording, error) {
	return r.Resolver.Recordings.Active(ctx, obj.ID)
}

func (r *Resolver) Recording() generated.RecordingResolver { return &recordingResolver{r} }

type recordingResolver struct{ *Resolver }
