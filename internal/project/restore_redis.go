package project

import (
	"archive/tar"
	"fmt"
	"io"
	"time"

	"stackctl.dev/stackctl/internal/backup"
)

// redisFiles writes a tar of the files that Redis loads when it starts: the snapshot, or, since Redis with an append-only file loads that
// alone, the snapshot as the base of one (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
func redisFiles(w io.Writer, s *backup.Store, size int64, snapshot io.Reader, uid, gid int) error {
	tw := tar.NewWriter(w)
	header := func(name string, kind byte, mode, size int64) error {
		return tw.WriteHeader(&tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: size, Uid: uid, Gid: gid, ModTime: time.Unix(0, 0)})
	}
	name := s.File
	if s.AppendOnly {
		base := s.AppendFile + ".1.base.rdb"
		name = s.AppendDir + "/" + base
		index := fmt.Sprintf("file %s seq 1 type b\n", base)
		if err := header(s.AppendDir+"/", tar.TypeDir, 0o755, 0); err != nil {
			return err
		}
		if err := header(s.AppendDir+"/"+s.AppendFile+".manifest", tar.TypeReg, 0o644, int64(len(index))); err != nil {
			return err
		}
		if _, err := io.WriteString(tw, index); err != nil {
			return err
		}
	}
	if err := header(name, tar.TypeReg, 0o644, size); err != nil {
		return err
	}
	if _, err := io.Copy(tw, snapshot); err != nil {
		return err
	}
	return tw.Close()
}
