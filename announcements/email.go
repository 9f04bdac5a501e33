package announcements

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
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

//go:embed templates
var templates embed.FS

// emailKind is that of e-mail about recordings in the outbox.
const emailKind = "recording.email"

var errNobody = errors.New("there is nobody to tell this any more")

// email is what the outbox keeps of an e-mail: nothing of a person but the id. The rest is read when it
// is sent, and so is what was true at that moment.
type email struct {
	Topic       topic     `json:"topic"`
	RecordingID uuid.UUID `json:"recordingId"`
	UserID      uuid.UUID `json:"userId"`
}

// content is what the templates show. The times are in the reader's time zone.
type content struct {
	Room, Link string
	Audio      bool
	StartedAt  time.Time
	ExpiresAt  *time.Time
}

// readers are whom an e-mail may be about a recording: of one that is ready the owners of its room, of
// one that failed who started it, while he is a host there. Only an address that is verified is written
// to: the others anybody might have given.
func readers(topic topic, r *ent.Recording) predicate.User {
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

// addEmails writes down an e-mail to each reader.
func (s *Service) addEmails(ctx context.Context, tx *ent.Tx, topic topic, r *ent.Recording) error {
	if s.settings.Send == nil {
		return nil
	}
	ids, err := tx.User.Query().Where(readers(topic, r)).IDs(ctx)
	if err != nil {
		return fmt.Errorf("find who is told of a recording: %w", err)
	}
	list := make([]email, len(ids))
	for i, id := range ids {
		list[i] = email{topic, r.ID, id}
	}
	return outbox.Add(ctx, tx, emailKind, list...)
}

// deliverEmail sends an e-mail, as the outbox wants it.
func (s *Service) deliverEmail(ctx context.Context, m *ent.OutboxMessage) error {
	var e email
	if err := json.Unmarshal(m.Payload, &e); err != nil || s.letters[e.Topic] == nil {
		return outbox.Permanent(errors.New("the payload is no e-mail about a recording"))
	}
	message, err := s.write(ctx, e)
	if errors.Is(err, errNobody) {
		return outbox.Permanent(err)
	}
	if err != nil {
		return err
	}
	message.ID, message.Date = m.ID.String(), m.CreatedAt
	if err = s.settings.Send(ctx, message); errors.Is(err, mail.ErrRefused) {
		return outbox.Permanent(err)
	}
	return err
}

// write words an e-mail about a recording as it is now, or returns errNobody.
func (s *Service) write(ctx context.Context, e email) (mail.Message, error) {
	r, err := s.db.Recording.Query().Where(recording.ID(e.RecordingID)).WithRoom().Only(ctx)
	if ent.IsNotFound(err) {
		return mail.Message{}, errNobody
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("find recording: %w", err)
	}
	if topics[r.Status] != e.Topic || recordings.Expired(r) {
		return mail.Message{}, errNobody
	}
	reader, err := s.db.User.Query().Where(user.ID(e.UserID), readers(e.Topic, r)).Only(ctx)
	if ent.IsNotFound(err) {
		return mail.Message{}, errNobody
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("find who is told of a recording: %w", err)
	}
	message, err := s.letters[e.Topic].Write(reader.Language, s.content(e.Topic, r, zone(reader)))
	message.To = reader.Email
	return message, err
}

func (s *Service) content(topic topic, r *ent.Recording, zone *time.Location) content {
	room := r.Edges.Room
	c := content{
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

func (s *Service) link(path ...string) string {
	for i, name := range path {
		path[i] = url.PathEscape(name)
	}
	return strings.TrimRight(s.settings.PublicURL, "/") + "/" + strings.Join(path, "/")
}

// zone returns a user's time zone; UTC if this machine does not know it.
func zone(u *ent.User) *time.Location {
	zone, err := time.LoadLocation(u.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
