package recordings

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/fault"
)

// URL is the address of a recording's file for browsers; nil if the file is not available, or nginx serves none.
func (s *Service) URL(rec *ent.Recording) *string {
	if !Available(rec) || !s.settings.Served {
		return nil
	}
	url := strings.TrimRight(s.settings.PublicURL, "/") + "/media/" + Key(rec)
	return &url
}

// DownloadURL is a short-lived URL of a recording's file, for anybody who has it; nil if the file is not
// available, or this server gives no such URLs.
func (s *Service) DownloadURL(ctx context.Context, rec *ent.Recording) (*string, error) {
	if !Available(rec) || s.settings.DownloadFor == 0 {
		return nil, nil
	}
	url, err := s.bucket.Presign(ctx, Key(rec), DownloadName(rec), Lifetime(rec, s.settings.DownloadFor))
	return &url, err
}

// Lifetime is how long a URL of a recording is valid: the wished time, but not longer than the recording is kept.
func Lifetime(rec *ent.Recording, wished time.Duration) time.Duration {
	if rec.ExpiresAt == nil {
		return wished
	}
	return min(wished, max(time.Second, time.Until(*rec.ExpiresAt)))
}

// Media finds the recording of a file if the viewer may have that file now. Errors: Unauthenticated for guests;
// Forbidden for everything else, so that it does not disclose which recordings exist. Applications get no files.
func (s *Service) Media(ctx context.Context, file string) (*ent.Recording, error) {
	viewer := auth.FromContext(ctx)
	if viewer.IsApplication() {
		return nil, errNoFile()
	}
	name, _, _ := strings.Cut(file, ".")
	id, err := uuid.Parse(name)
	if err != nil {
		id = uuid.Nil // no recording has it, and guests get Unauthenticated
	}
	rec, err := s.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, errNoFile()
	}
	if err != nil {
		return nil, err
	}
	if Name(rec) != file || !Available(rec) {
		return nil, errNoFile()
	}
	return rec, nil
}

// HandleObject handles an event of the storage: the bucket has a complete object of this size. Events may be
// repeated, and events of other objects have no effect. The storage alone makes no recording SAVED: LiveKit must have
// ended its egress, or no longer know it. After an error the same event must be sent again.
func (s *Service) HandleObject(ctx context.Context, key string, size int64) error {
	id, ours := idOf(key)
	if !ours {
		return nil
	}
	rec, err := s.db.Recording.Get(ctx, id)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the recording of an object: %w", err)
	}
	if Key(rec) != key {
		return nil
	}
	if err := s.setSize(ctx, rec, size); err != nil || rec.Status == recording.StatusSAVED {
		return err
	}
	return s.applyStored(ctx, rec, size)
}

// setSize stores the size of a recording's file.
func (s *Service) setSize(ctx context.Context, rec *ent.Recording, size int64) error {
	if size <= 0 || rec.Size != nil && *rec.Size == size {
		return nil
	}
	err := s.db.Recording.Update().Where(recording.ID(rec.ID)).SetSize(size).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the size of recording %s: %w", rec.ID, err)
	}
	return nil
}

// applyStored brings a recording with a stored file to the state of its egress.
func (s *Service) applyStored(ctx context.Context, rec *ent.Recording, size int64) error {
	e, err := s.egressOf(ctx, rec)
	switch {
	case err != nil:
		return err
	case e != nil:
		return s.apply(ctx, rec, e)
	case rec.EgressID != nil:
		return s.markSaved(ctx, rec, file{size: size})
	default:
		return nil // it has no egress yet, so none of ours wrote the file
	}
}

func errNoFile() error {
	return fault.New(fault.Forbidden, "there is no such file that you may have")
}

// DownloadName is the name of a recording's file for people who download it: the room's slug and the time of
// the recording in UTC. It consists of ASCII letters, digits, dots and hyphens.
func DownloadName(rec *ent.Recording) string {
	at := rec.CreatedAt
	if rec.StartedAt != nil {
		at = *rec.StartedAt
	}
	name := at.UTC().Format("2006-01-02-1504")
	if room, err := rec.Edges.RoomOrErr(); err == nil {
		name = room.Slug + "-" + name
	}
	return name + strings.TrimPrefix(Name(rec), rec.ID.String())
}
