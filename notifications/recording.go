package notifications

import (
	"context"

	"foyer/ent"
	"foyer/ent/recording"
)

// topic is what a notification says about a recording.
type topic string

const (
	ready  topic = "ready"
	failed topic = "failed"
)

// topics has the topic of each final status. An aborted recording is not reported: nothing was recorded.
var topics = map[recording.Status]topic{
	recording.StatusSAVED: ready, recording.StatusFAILED: failed,
}

// RecordingEnded adds the notifications about a recording to the outbox, in the transaction that moves the
// recording to its final status.
func (s *Service) RecordingEnded(ctx context.Context, tx *ent.Tx, r *ent.Recording) error {
	topic, reported := topics[r.Status]
	if !reported {
		return nil
	}
	if err := s.addRecordingEmails(ctx, tx, topic, r); err != nil {
		return err
	}
	return s.addRecordingEvents(ctx, tx, topic, r)
}
