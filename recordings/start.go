package recordings

import (
	"context"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/fault"
)

// StartInput says what to record.
type StartInput struct {
	RoomID  uuid.UUID
	Mode    recording.Mode
	Options *Options
}

// Options are what else is wanted of a recording.
type Options struct {
	Transcribe *bool
	// Language that is spoken, a BCP 47 tag.
	Language *string
}

// ShareInput names a recording and a person, by exactly one of his id and his e-mail address.
type ShareInput struct {
	RecordingID uuid.UUID
	UserID      *uuid.UUID
	Email       *string
}

// Start records the call of a room, for a host.
func (r *Recordings) Start(ctx context.Context, in StartInput) (*ent.Recording, error) {
	return nil, errOff()
}

// Stop asks the recording of a room to end, for a host.
func (r *Recordings) Stop(ctx context.Context, roomID uuid.UUID) (*ent.Recording, error) {
	return nil, errOff()
}

// Delete deletes a recording and its file, for a host.
func (r *Recordings) Delete(ctx context.Context, id uuid.UUID) error {
	return errOff()
}

// Share lets a person see a recording, for a host.
func (r *Recordings) Share(ctx context.Context, in ShareInput) (*ent.Recording, error) {
	return nil, errOff()
}

// Unshare no longer lets a person see a recording.
func (r *Recordings) Unshare(ctx context.Context, id, userID uuid.UUID) (*ent.Recording, error) {
	return nil, errOff()
}

func errOff() error { return fault.New(fault.Unavailable, "this server records nothing") }
