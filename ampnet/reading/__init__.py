"""From inputs to photos: files, folders, addresses, archives, videos, cameras."""
