package lobby

import (
	"context"

	"github.com/google/uuid"

	"foyer/ent/auditevent"
	"foyer/internal/live"
	"foyer/internal/text"
	"foyer/rooms"
)

// maxMessage is how long a message for waiting guests may be, in characters.
const maxMessage = 500

// SetMessageInput is a message for the waiting guests of a room.
type SetMessageInput struct {
	RoomID uuid.UUID
	// Message is none when nil or empty.
	Message *string
}

// SetMessage shows a message to the waiting guests of a room, and to those who come later, until the meeting ends. For
// a host.
func (s *Service) SetMessage(ctx context.Context, in SetMessageInput) (*live.Lobby, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, err
	}
	message := ""
	if in.Message != nil && *in.Message != "" {
		var err error
		if message, err = text.CheckLines("message", *in.Message, maxMessage); err != nil {
			return nil, err
		}
	}
	if err := s.live.SetMessage(ctx, in.RoomID, message); err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{Action: auditevent.ActionSET_LOBBY_MESSAGE, Detail: message})
	return s.live.List(ctx, in.RoomID)
}
