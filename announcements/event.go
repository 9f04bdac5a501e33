package announcements

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/outbox"
	"foyer/internal/webhook"
	"foyer/recordings"
)

// webhookKind begins the kind of messages to services in the outbox; the rest names the endpoint. So
// each endpoint has messages of its own, and one that is away or slow does not concern the others.
const webhookKind = "webhook."

// event is what services are told. Nothing in it names people.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

// data is a recording as it was when it ended.
type data struct {
	RecordingID uuid.UUID      `json:"recordingId"`
	RoomID      uuid.UUID      `json:"roomId"`
	RoomSlug    string         `json:"roomSlug"`
	Mode        recording.Mode `json:"mode"`
	Options     options        `json:"options"`
	Reason      *string        `json:"reason"`
	StartedAt   *time.Time     `json:"startedAt"`
	EndedAt     *time.Time     `json:"endedAt"`
	ExpiresAt   *time.Time     `json:"expiresAt"`
	Size        *int64         `json:"size"`     // bytes
	Duration    *float64       `json:"duration"` // seconds
	// DownloadURL is made for each attempt, and not stored: it opens the file.
	DownloadURL *string `json:"downloadUrl,omitempty"`
}

type options struct {
	Transcribe bool    `json:"transcribe"`
	Language   *string `json:"language"` // BCP 47
}

// addEvents writes down an event for each endpoint.
func (s *Service) addEvents(ctx context.Context, tx *ent.Tx, topic topic, r *ent.Recording) error {
	endpoints := s.webhooks.Endpoints()
	if len(endpoints) == 0 {
		return nil
	}
	room, err := tx.Room.Get(ctx, r.RoomID)
	if err != nil {
		return fmt.Errorf("find the room of a recording: %w", err)
	}
	e := event{"recording." + string(topic), time.Now().UTC(), describe(r, room)}
	for _, endpoint := range endpoints {
		if err := outbox.Add(ctx, tx, webhookKind+endpoint, e); err != nil {
			return err
		}
	}
	return nil
}

func describe(r *ent.Recording, room *ent.Room) data {
	d := data{
		RecordingID: r.ID, RoomID: r.RoomID, RoomSlug: room.Slug, Mode: r.Mode,
		Options:   options{r.Options.Transcribe, orNil(r.Options.Language)},
		Reason:    orNil(r.Reason),
		StartedAt: inUTC(r.StartedAt), EndedAt: inUTC(r.EndedAt), ExpiresAt: inUTC(r.ExpiresAt),
		Size: r.Size,
	}
	if r.Duration != nil {
		seconds := float64(*r.Duration) / 1000
		d.Duration = &seconds
	}
	return d
}

// deliverEvent sends an event to its endpoint, as the outbox wants it.
func (s *Service) deliverEvent(ctx context.Context, m *ent.OutboxMessage) error {
	var e event
	if err := json.Unmarshal(m.Payload, &e); err != nil {
		return outbox.Permanent(errors.New("the payload is no event of a recording"))
	}
	if err := s.complete(ctx, &e); err != nil {
		return err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return outbox.Permanent(err)
	}
	endpoint := strings.TrimPrefix(m.Kind, webhookKind)
	err = s.webhooks.Send(ctx, endpoint, webhook.Message{ID: m.ID.String(), Body: body})
	if errors.Is(err, webhook.ErrRefused) {
		return outbox.Permanent(err)
	}
	return err
}

// complete adds what is true at this moment only. That a recording is ready is no news any more when it
// has been deleted, or has expired.
func (s *Service) complete(ctx context.Context, e *event) error {
	if e.Type != "recording."+string(ready) {
		return nil
	}
	r, err := s.db.Recording.Get(ctx, e.Data.RecordingID)
	if ent.IsNotFound(err) || err == nil && !recordings.Available(r) {
		return outbox.Permanent(errors.New("the recording is gone"))
	}
	if err != nil {
		return fmt.Errorf("find recording: %w", err)
	}
	if s.settings.DownloadURL == nil {
		return nil
	}
	url, err := s.settings.DownloadURL(ctx, r)
	if err != nil {
		return fmt.Errorf("make a download URL: %w", err)
	}
	e.Data.DownloadURL = &url
	return nil
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
