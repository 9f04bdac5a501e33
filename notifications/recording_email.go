package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/predicate"
	"foyer/ent/recording"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/recordings"
)

// recordingEmailKind is the outbox kind of e-mail about recordings.
const recordingEmailKind = "recording.email"

var errOutdated = errors.New("this e-mail has become outdated")

// recordingEmail is the outbox payload of an e-mail about a recording. It holds no personal data: address
// and content are read when the e-mail is sent.
type recordingEmail struct {
	Topic       topic     `json:"topic"`
	RecordingID uuid.UUID `json:"recordingId"`
	UserID      uuid.UUID `json:"userId"`
}

// recordingContent is what the templates show. The times are in the recipient's time zone.
type recordingContent struct {
	Room, Link string
	Audio      bool
	StartedAt  time.Time
	ExpiresAt  *time.Time
}

// recipients finds the recipients of an e-mail about a recording: the owners of its room if it is ready; if it
// failed, the host who started it. Unverified addresses are left out: anybody may have entered them.
func recipients(topic topic, r *ent.Recording) predicate.User {
	roles := []roomaccess.Role{roomaccess.RoleOWNER}
	if topic == failed {
		roles = append(roles, roomaccess.RoleADMINISTRATOR)
	}
	access := user.HasAccessesWith(roomaccess.RoomID(r.RoomID), roomaccess.RoleIn(roles...))
	reachable := user.And(user.SubjectNotNil(), user.EmailVerified(true), user.EmailNEQ(""))
	if topic == failed {
		return user.And(access, reachable, user.ID(r.StartedBy))
	}
	return user.And(access, reachable)
}

// addRecordingEmails adds an e-mail to each recipient to the outbox.
func (s *Service) addRecordingEmails(ctx context.Context, tx *ent.Tx, topic topic, r *ent.Recording) error {
	if s.sendEmail == nil {
		return nil
	}
	ids, err := tx.User.Query().Where(recipients(topic, r)).IDs(ctx)
	if err != nil {
		return fmt.Errorf("find the recipients of an e-mail about a recording: %w", err)
	}
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = recordingEmail{topic, r.ID, id}
	}
	return s.outbox.Add(ctx, tx, recordingEmailKind, list...)
}

func (s *Service) deliverRecordingEmail(ctx context.Context, m *ent.OutboxMessage) error {
	var e recordingEmail
	if err := json.Unmarshal(m.Payload, &e); err != nil || s.templates[string(e.Topic)] == nil {
		return outbox.Permanent(errors.New("the payload is no e-mail about a recording"))
	}
	message, err := s.composeRecordingEmail(ctx, e)
	if errors.Is(err, errOutdated) {
		return outbox.Permanent(err)
	}
	if err != nil {
		return err
	}
	return s.send(ctx, m, message)
}

// composeRecordingEmail writes an e-mail about a recording as it is now. It returns errOutdated if the
// recording or the recipient has changed so that there is nothing to report.
func (s *Service) composeRecordingEmail(ctx context.Context, e recordingEmail) (mail.Message, error) {
	r, err := s.db.Recording.Query().Where(recording.ID(e.RecordingID)).WithRoom().Only(ctx)
	if ent.IsNotFound(err) {
		return mail.Message{}, errOutdated
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("find recording: %w", err)
	}
	if topics[r.Status] != e.Topic || recordings.Expired(r) {
		return mail.Message{}, errOutdated
	}
	recipient, err := s.db.User.Query().Where(user.ID(e.UserID), recipients(e.Topic, r)).Only(ctx)
	if ent.IsNotFound(err) {
		return mail.Message{}, errOutdated
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("find the recipient of an e-mail about a recording: %w", err)
	}
	content := s.recordingContent(e.Topic, r, zone(recipient))
	message, err := s.templates[string(e.Topic)].Write(recipient.Language, content)
	message.To = recipient.Email
	return message, err
}

func (s *Service) recordingContent(topic topic, r *ent.Recording, zone *time.Location) recordingContent {
	room := r.Edges.Room
	c := recordingContent{
		Room: mail.Harmless(room.Name), Audio: r.Mode == recording.ModeAUDIO,
		Link: s.link("recordings", r.ID.String()), StartedAt: r.CreatedAt.In(zone),
	}
	if topic == failed {
		c.Link = s.link(room.Slug)
	}
	if r.StartedAt != nil {
		c.StartedAt = r.StartedAt.In(zone)
	}
	if r.ExpiresAt != nil {
		expires := r.ExpiresAt.In(zone)
		c.ExpiresAt = &expires
	}
	return c
}

// zone returns a user's time zone, or UTC if this machine does not know it.
func zone(u *ent.User) *time.Location {
	zone, err := time.LoadLocation(u.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
