package recordings

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/text/language"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// maxLanguage is how long a BCP 47 tag may be.
const maxLanguage = 35

// startTries is how often Start retries when another recording of the room ends at that moment.
const startTries = 3

// StartInput says what to record.
type StartInput struct {
	RoomID  uuid.UUID
	Mode    recording.Mode
	Options *Options
}

// Options are wishes for a recording.
type Options struct {
	Transcribe *bool
	// Language is the spoken language, a BCP 47 tag.
	Language *string
}

func (o *Options) check() (schema.RecordingOptions, error) {
	var checked schema.RecordingOptions
	if o == nil {
		return checked, nil
	}
	checked.Transcribe = o.Transcribe != nil && *o.Transcribe
	if o.Language == nil {
		return checked, nil
	}
	bad := fault.Field("language", "language is not a BCP 47 tag, such as fr or pt-BR")
	if len(*o.Language) > maxLanguage {
		return checked, bad
	}
	tag, err := language.Parse(*o.Language)
	if err != nil || tag == language.Und || len(tag.String()) > maxLanguage {
		return checked, bad
	}
	checked.Language = tag.String()
	return checked, nil
}

// Start records the meeting of a room, for a host.
//
// Errors: Conflict if nobody is in the meeting, or if the room has an unfinished recording, with the detail
// "recordingId". Unavailable if this server records nothing, or if LiveKit does not answer; the recording may have
// begun then, and its status shows so within Settings.StartTimeout. RateLimited.
func (s *Service) Start(ctx context.Context, in StartInput) (*ent.Recording, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.RecordMeetings); err != nil {
		return nil, err
	}
	if s.bucket == nil {
		return nil, errOff()
	}
	options, err := in.Options.check()
	if err != nil {
		return nil, err
	}
	if err := s.allowStart(ctx); err != nil {
		return nil, err
	}
	rec, err := s.create(ctx, in, options)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // complete the start although the client disconnects
	s.writeAudit(ctx, rec, rooms.Act{Action: auditevent.ActionSTART_RECORDING})
	s.notifyWatchers(ctx, rec.RoomID)
	if err := s.launch(ctx, rec); err != nil {
		return nil, err
	}
	return s.Get(ctx, rec.ID)
}

// allowStart counts a start against the viewer's limit. A start that fails counts too: it adds a row, an e-mail
// and webhook events.
func (s *Service) allowStart(ctx context.Context) error {
	return s.limiter.Allow(ctx, "too many recordings were asked for; try again later",
		ratelimit.PerHour("record:user", auth.FromContext(ctx).UserID.String(), s.settings.StartsPerUser))
}

func errOff() error { return fault.New(fault.Unavailable, "this server records nothing") }

// create adds the row of a new recording. Conflict if the room has an unfinished one.
func (s *Service) create(
	ctx context.Context, in StartInput, options schema.RecordingOptions,
) (*ent.Recording, error) {
	for try := 1; ; try++ {
		rec, err := s.db.Recording.Create().SetRoomID(in.RoomID).SetMode(in.Mode).SetOptions(options).
			SetStartedBy(auth.FromContext(ctx).UserID).Save(ctx)
		if !ent.IsConstraintError(err) {
			return rec, err
		}
		if _, err := s.rooms.ByID(ctx, in.RoomID); err != nil {
			return nil, err
		}
		switch other, errOther := s.unfinished(ctx, in.RoomID); {
		case errOther == nil:
			return nil, fault.From(err, fault.Conflict, "this room is being recorded already").
				With("recordingId", other.ID)
		case !ent.IsNotFound(errOther) || try == startTries:
			return nil, fmt.Errorf("find the other recording: %w", errOther)
		}
	}
}

// launch asks LiveKit to start the egress of a new recording.
func (s *Service) launch(ctx context.Context, rec *ent.Recording) error {
	egress, err := s.livekit.StartEgress(ctx, livekit.EgressRequest{
		Room: rec.RoomID.String(), File: Key(rec), AudioOnly: rec.Mode == recording.ModeAUDIO,
		Layout: s.settings.Layout, S3: s.settings.RequestS3,
	})
	if livekit.MayHaveHappened(err) {
		known, errList := s.egressOf(ctx, rec)
		if errList == nil && known != nil {
			egress, err = known, nil
		}
	}
	switch {
	case err == nil:
		return s.afterLaunch(ctx, rec, egress)
	case livekit.MayHaveHappened(err): // the reconciler finds out
		s.Wake()
	default:
		s.tryFail(ctx, rec, recording.StatusFAILED, fault.Of(err).Message)
	}
	f := fault.Of(err)
	return fault.From(err, f.Kind, "%s", f.Message).With("recordingId", rec.ID)
}

// afterLaunch applies the egress that LiveKit answered with. It stops the egress if the recording was stopped
// or its room deleted meanwhile.
func (s *Service) afterLaunch(ctx context.Context, rec *ent.Recording, egress *livekit.Egress) error {
	if err := s.apply(ctx, rec, egress); err != nil {
		warn(ctx, "a recording gets the state of its egress later", err, "recording", rec.ID)
		s.Wake()
		return nil // the recording has begun
	}
	now, err := s.db.Recording.Get(ctx, rec.ID)
	switch {
	case ent.IsNotFound(err):
		err = fault.New(fault.NotFound, "the room has been deleted")
	case err != nil:
		return fmt.Errorf("find the recording that was started: %w", err)
	case now.Status == recording.StatusINITIATED || now.Status == recording.StatusACTIVE:
		return nil
	}
	if !egress.Ended() {
		if errStop := s.stopEgress(ctx, egress.ID); errStop != nil {
			s.Wake()
			warn(ctx, "an unwanted recording ends later", errStop, "recording", rec.ID)
		}
	}
	return err
}
