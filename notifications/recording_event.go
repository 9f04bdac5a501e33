package notifications

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

// webhookKind is the prefix of the outbox kinds of webhook events; the endpoint's name follows. Each endpoint
// has its own messages, so a slow endpoint does not delay the others.
const webhookKind = "webhook."

// recordingEvent is the body of a webhook. It contains no personal data.
type recordingEvent struct {
	Type      string        `json:"type"`
	Timestamp time.Time     `json:"timestamp"`
	Data      recordingData `json:"data"`
}

// recordingData is a recording as it was when it ended.
type recordingData struct {
	RecordingID uuid.UUID        `json:"recordingId"`
	RoomID      uuid.UUID        `json:"roomId"`
	RoomSlug    string           `json:"roomSlug"`
	Mode        recording.Mode   `json:"mode"`
	Options     recordingOptions `json:"options"`
	Reason      *string          `json:"reason"`
	StartedAt   *time.Time       `json:"startedAt"`
	EndedAt     *time.Time       `json:"endedAt"`
	ExpiresAt   *time.Time       `json:"expiresAt"`
	Size        *int64           `json:"size"`     // bytes
	Duration    *float64         `json:"duration"` // seconds
	// DownloadURL opens the file without authentication. It is made for each attempt and never stored.
	DownloadURL *string `json:"downloadUrl,omitempty"`
}

type recordingOptions struct {
	Transcribe bool    `json:"transcribe"`
	Language   *string `json:"language"` // BCP 47
}

// addRecordingEvents adds an event for each endpoint to the outbox.
func (s *Service) addRecordingEvents(ctx context.Context, tx *ent.Tx, topic topic, r *ent.Recording) error {
	endpoints := s.webhooks.Endpoints()
	if len(endpoints) == 0 {
		return nil
	}
	room, err := tx.Room.Get(ctx, r.RoomID)
	if err != nil {
		return fmt.Errorf("find the room of a recording: %w", err)
	}
	e := recordingEvent{"recording." + string(topic), time.Now().UTC(), describeRecording(r, room)}
	for _, endpoint := range endpoints {
		if err := s.outbox.Add(ctx, tx, webhookKind+endpoint, e); err != nil {
			return err
		}
	}
	return nil
}

func describeRecording(r *ent.Recording, room *ent.Room) recordingData {
	d := recordingData{
		RecordingID: r.ID, RoomID: r.RoomID, RoomSlug: room.Slug, Mode: r.Mode,
		Options:   recordingOptions{r.Options.Transcribe, orNil(r.Options.Language)},
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

func (s *Service) deliverRecordingEvent(ctx context.Context, m *ent.OutboxMessage) error {
	var e recordingEvent
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

// complete adds the fields that are valid for this attempt only. A permanent error says that the recording has
// been deleted or has expired since.
func (s *Service) complete(ctx context.Context, e *recordingEvent) error {
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
	if s.downloadURL == nil {
		return nil
	}
	url, err := s.downloadURL(ctx, r)
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
