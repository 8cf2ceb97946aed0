"""What people name, as photos: files, folders, addresses, archives, videos, cameras."""
